//! Paths and the files they name. Folders exist as the prefixes of paths.

use std::collections::BTreeMap;
use std::ops::Bound;

#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<Box<str>, u32>);

impl Names {
    pub(super) fn get(&self, path: &str) -> Option<u32> {
        self.0.get(path).copied()
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(AsRef::as_ref)
    }

    /// Names `file`; gives the file that had the name before.
    pub(super) fn insert(&mut self, path: &str, file: u32) -> Option<u32> {
        self.0.insert(path.into(), file)
    }

    /// Removes a file, or a folder with all in it; gives the files. None if there is no such path.
    pub(super) fn remove(&mut self, path: &str) -> Option<Vec<u32>> {
        if let Some(file) = self.0.remove(path) {
            return Some(vec![file]);
        }
        let inside = self.inside(path);
        let files = inside.iter().filter_map(|name| self.0.remove(name)).collect();
        (!inside.is_empty()).then_some(files)
    }

    /// Renames a file or a folder; gives the files whose names were taken over. None if there is no such path.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> Option<Vec<u32>> {
        if from == to {
            return (self.0.contains_key(from) || !self.inside(from).is_empty()).then(Vec::new);
        }
        if let Some(file) = self.0.remove(from) {
            return Some(self.insert(to, file).into_iter().collect());
        }
        let inside = self.inside(from);
        if inside.is_empty() {
            return None;
        }
        let mut replaced = Vec::new();
        for name in inside {
            if let Some(file) = self.0.remove(&name) {
                let renamed = format!("{to}{}", &name[from.len()..]);
                replaced.extend(self.insert(&renamed, file));
            }
        }
        Some(replaced)
    }

    /// The names of files and folders directly in `dir`, sorted. The root is the empty path.
    pub(super) fn list(&self, dir: &str) -> Vec<String> {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let mut names: Vec<String> = Vec::new();
        for name in self.from(&prefix) {
            let rest = &name[prefix.len()..];
            let first = rest.split_once('/').map_or(rest, |(first, _)| first);
            if names.last().is_none_or(|last| last != first) {
                names.push(first.to_owned());
            }
        }
        // `a.x` sorts before `a/y` as a path and after `a` as a name.
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The paths inside the folder `dir`.
    fn inside(&self, dir: &str) -> Vec<Box<str>> {
        self.from(&format!("{dir}/")).map(Into::into).collect()
    }

    fn from<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let range = (Bound::Included(prefix), Bound::Unbounded);
        self.0.range::<str, _>(range).map(|(name, _)| name.as_ref()).take_while(move |name| name.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[&str]) -> Names {
        let mut names = Names::default();
        for (i, path) in paths.iter().enumerate() {
            assert_eq!(names.insert(path, i as u32), None);
        }
        names
    }

    #[test]
    fn a_list_holds_each_direct_entry_once_and_sorted() {
        let names = names(&["a/y", "a.x", "a/b/c", "a/b/d", "b", "ab/z"]);
        assert_eq!(names.list(""), ["a", "a.x", "ab", "b"]);
        assert_eq!(names.list("a"), ["b", "y"]);
        assert_eq!(names.list("a/b"), ["c", "d"]);
        assert!(names.list("none").is_empty());
    }

    #[test]
    fn renaming_a_folder_moves_all_in_it_and_nothing_beside_it() {
        let mut names = names(&["t-0/1.log", "t-0/2.log", "t-00/1.log", "gone/2.log"]);
        assert_eq!(names.rename("t-0", "gone"), Some(vec![3]));
        assert_eq!(names.paths().collect::<Vec<_>>(), ["gone/1.log", "gone/2.log", "t-00/1.log"]);
        assert_eq!(names.rename("t-0", "x"), None);
    }

    #[test]
    fn removing_a_folder_removes_all_in_it() {
        let mut names = names(&["d/1", "d/2", "d2"]);
        assert_eq!(names.remove("d"), Some(vec![0, 1]));
        assert_eq!(names.remove("d"), None);
        assert_eq!(names.paths().collect::<Vec<_>>(), ["d2"]);
    }

    #[test]
    fn renaming_onto_itself_changes_nothing() {
        let mut names = names(&["a"]);
        assert_eq!(names.rename("a", "a"), Some(vec![]));
        assert_eq!(names.get("a"), Some(0));
    }
}

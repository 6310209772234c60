//! Paths and the files they name. Folders exist as the prefixes of paths.
//!
//! A process sees its changes of names at once. A change is durable once its folder is synced. Until then every
//! creation, rename and removal may or may not have reached the device, independently of the changes before and after
//! it. POSIX allows that; most file systems promise more. A file exists only if all folders above it exist.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::Seed;

#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// The names that processes see.
    now: BTreeMap<Box<str>, u32>,
    /// The names that survive every power loss.
    durable: BTreeMap<Box<str>, u32>,
    durable_folders: BTreeSet<Box<str>>,
    /// The changes that are not durable yet, in order.
    pending: Vec<Pending>,
    /// For each file, the number of its names that are durable or pending.
    links: Vec<u32>,
    /// The number of changes so far.
    changes: u64,
}

#[derive(Clone, Debug)]
struct Pending {
    /// The number of the change, from 0.
    nth: u64,
    change: Change,
}

/// A change of one folder's entries.
#[derive(Clone, Debug)]
enum Change {
    Link { path: Box<str>, file: u32 },
    MakeFolder { path: Box<str> },
    Move { from: Box<str>, to: Box<str>, file: u32 },
    MoveFolder { from: Box<str>, to: Box<str> },
    RemoveFolder { path: Box<str> },
    Unlink { path: Box<str> },
}

impl Names {
    pub(super) fn get(&self, path: &str) -> Option<u32> {
        self.now.get(path).copied()
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.now.keys().map(AsRef::as_ref)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = u32> + '_ {
        self.now.values().copied()
    }

    /// Gives `file` the name `path`. Returns the file that had the name before.
    pub(super) fn insert(&mut self, path: &str, file: u32) -> Option<u32> {
        self.make_folders(path);
        self.change(Change::Link { path: path.into(), file });
        self.now.insert(path.into(), file)
    }

    /// Removes a file, or a folder with its contents. Returns the files. `None` if there is no such path.
    pub(super) fn remove(&mut self, path: &str) -> Option<Vec<u32>> {
        if let Some(file) = self.now.remove(path) {
            self.change(Change::Unlink { path: path.into() });
            return Some(vec![file]);
        }
        let inside = self.inside(path);
        if inside.is_empty() {
            return None;
        }
        let mut files = Vec::new();
        for name in inside {
            files.extend(self.now.remove(&name));
            self.change(Change::Unlink { path: name });
        }
        self.change(Change::RemoveFolder { path: path.into() });
        Some(files)
    }

    /// Renames a file or a folder. Returns the files that were replaced. `None` if there is no such path.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> Option<Vec<u32>> {
        if from == to {
            return (self.now.contains_key(from) || !self.inside(from).is_empty()).then(Vec::new);
        }
        if let Some(file) = self.now.remove(from) {
            self.make_folders(to);
            if folder(from) == folder(to) {
                self.change(Change::Move { from: from.into(), to: to.into(), file });
            } else {
                // The two folders have separate syncs, so the rename is two changes.
                self.change(Change::Link { path: to.into(), file });
                self.change(Change::Unlink { path: from.into() });
            }
            return Some(self.now.insert(to.into(), file).into_iter().collect());
        }
        let inside = self.inside(from);
        if inside.is_empty() {
            return None;
        }
        self.make_folders(to);
        self.change(Change::MoveFolder { from: from.into(), to: to.into() });
        let mut replaced = Vec::new();
        for name in inside {
            if let Some(file) = self.now.remove(&name) {
                let renamed = format!("{to}{}", &name[from.len()..]);
                replaced.extend(self.now.insert(renamed.into(), file));
            }
        }
        Some(replaced)
    }

    /// The names of files and folders directly in `dir`, sorted. The root is the empty path.
    pub(super) fn list(&self, dir: &str) -> Vec<String> {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let mut names: Vec<String> = Vec::new();
        for name in from(&self.now, &prefix) {
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

    /// The number of changes so far, which is the number that a sync requested now covers.
    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }

    /// Makes those of the first `covers` changes durable that belong to `dir`.
    pub(super) fn synced(&mut self, dir: &str, covers: u64) {
        let pending = core::mem::take(&mut self.pending);
        for entry in pending {
            if entry.nth < covers && entry.change.folder() == dir {
                self.settle_one(&entry.change);
            } else {
                self.pending.push(entry);
            }
        }
    }

    /// Applies a power loss. None, a prefix, all, or any subset of the pending changes survive.
    pub(super) fn power_lost(&mut self, draws: Seed, percent: u8) {
        let pending = core::mem::take(&mut self.pending);
        let count = pending.len() as u64;
        let some = count > 0 && draws.chance(0, percent);
        let prefix = draws.below(2, count + 1);
        let way = draws.below(1, 3);
        for (n, entry) in (0..count).zip(&pending) {
            let kept = match way {
                0 => n < prefix,
                1 => true,
                _ => draws.chance(3 + n, 50),
            };
            if some && kept {
                self.apply(&entry.change);
            }
        }
        let folders = &self.durable_folders;
        self.durable.retain(|path, _| ancestors(path).all(|folder| folders.contains(folder)));
        self.now.clone_from(&self.durable);
        self.count_links();
    }

    /// Whether a name of `file` may exist after a power loss.
    pub(super) fn may_return(&self, file: u32) -> bool {
        self.links.get(file as usize).is_some_and(|&links| links > 0)
    }

    /// Makes all pending changes durable.
    pub(super) fn settle(&mut self) {
        for entry in core::mem::take(&mut self.pending) {
            self.settle_one(&entry.change);
        }
    }

    /// Removes every name that does not begin with `kept`, durably. Returns the files.
    pub(super) fn wipe(&mut self, kept: &str) -> Vec<u32> {
        self.settle();
        let stays = |path: &str| !kept.is_empty() && path.starts_with(kept);
        let gone = self.now.iter().filter(|(path, _)| !stays(path)).map(|(_, &file)| file).collect();
        self.now.retain(|path, _| stays(path));
        self.durable.clone_from(&self.now);
        self.count_links();
        gone
    }

    fn change(&mut self, change: Change) {
        if let Some(file) = change.links() {
            self.link(file);
        }
        self.pending.push(Pending { nth: self.changes, change });
        self.changes += 1;
    }

    /// Creates the folders above `path` that do not exist yet.
    fn make_folders(&mut self, path: &str) {
        let missing: Vec<Box<str>> = ancestors(path).filter(|folder| !self.is_folder(folder)).map(Into::into).collect();
        for path in missing {
            self.change(Change::MakeFolder { path });
        }
    }

    fn is_folder(&self, path: &str) -> bool {
        from(&self.now, &format!("{path}/")).next().is_some()
    }

    /// The paths inside the folder `dir`.
    fn inside(&self, dir: &str) -> Vec<Box<str>> {
        from(&self.now, &format!("{dir}/")).map(Into::into).collect()
    }

    /// Applies a change to the device that is no longer pending.
    fn settle_one(&mut self, change: &Change) {
        self.apply(change);
        if let Some(file) = change.links() {
            self.unlink(file);
        }
    }

    fn link(&mut self, file: u32) {
        let at = file as usize;
        if self.links.len() <= at {
            self.links.resize(at + 1, 0);
        }
        self.links[at] += 1;
    }

    fn unlink(&mut self, file: u32) {
        self.links[file as usize] -= 1;
    }

    /// Recounts `links` when no change is pending.
    fn count_links(&mut self) {
        self.links.clear();
        for file in self.durable.values().copied().collect::<Vec<_>>() {
            self.link(file);
        }
    }

    /// Adds a durable name.
    fn hold(&mut self, path: Box<str>, file: u32) {
        self.link(file);
        if let Some(before) = self.durable.insert(path, file) {
            self.unlink(before);
        }
    }

    /// Removes a durable name.
    fn let_go(&mut self, path: &str) -> Option<u32> {
        let file = self.durable.remove(path)?;
        self.unlink(file);
        Some(file)
    }

    /// Applies a change to the device.
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Link { path, file } => self.hold(path.clone(), *file),
            Change::MakeFolder { path } => {
                self.durable_folders.insert(path.clone());
            }
            Change::Move { from, to, file } => {
                if self.durable.get(from) == Some(file) {
                    self.let_go(from);
                }
                self.hold(to.clone(), *file);
            }
            Change::MoveFolder { from: old, to } => {
                self.durable_folders.remove(old);
                self.durable_folders.insert(to.clone());
                let inside: Vec<Box<str>> = from(&self.durable, &format!("{old}/")).map(Into::into).collect();
                for name in inside {
                    if let Some(file) = self.let_go(&name) {
                        self.hold(format!("{to}{}", &name[old.len()..]).into(), file);
                    }
                }
            }
            Change::RemoveFolder { path } => {
                self.durable_folders.remove(path);
                let inside: Vec<Box<str>> = from(&self.durable, &format!("{path}/")).map(Into::into).collect();
                for name in inside {
                    self.let_go(&name);
                }
            }
            Change::Unlink { path } => {
                self.let_go(path);
            }
        }
    }
}

impl Change {
    /// The file that the change gives a name.
    const fn links(&self) -> Option<u32> {
        match self {
            Change::Link { file, .. } | Change::Move { file, .. } => Some(*file),
            _ => None,
        }
    }

    /// The folder whose sync makes the change durable.
    fn folder(&self) -> &str {
        match self {
            Change::Link { path, .. }
            | Change::MakeFolder { path }
            | Change::Move { to: path, .. }
            | Change::MoveFolder { to: path, .. }
            | Change::RemoveFolder { path }
            | Change::Unlink { path } => folder(path),
        }
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

fn from<'a>(names: &'a BTreeMap<Box<str>, u32>, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let range = (Bound::Included(prefix), Bound::Unbounded);
    names.range::<str, _>(range).map(|(name, _)| name.as_ref()).take_while(move |name| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(paths: &[&str]) -> Names {
        let mut names = Names::default();
        for (i, path) in paths.iter().enumerate() {
            assert_eq!(names.insert(path, i as u32), None);
        }
        names
    }

    impl Names {
        /// The result of `may_return`, computed from every name.
        fn is_held_or_pending(&self, file: u32) -> bool {
            let pending = self.pending.iter().any(|entry| entry.change.links() == Some(file));
            pending || self.durable.values().any(|&held| held == file)
        }
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

    #[test]
    fn a_file_survives_once_all_its_folders_are_synced() {
        let mut half = names(&["t-0/1.log"]);
        half.synced("t-0", half.changes());
        half.power_lost(Seed(1), 0);
        assert_eq!(half.paths().count(), 0, "the folder's own name was not synced");
        let mut whole = names(&["t-0/1.log"]);
        whole.synced("t-0", whole.changes());
        whole.synced("", whole.changes());
        whole.power_lost(Seed(1), 0);
        assert_eq!(whole.get("t-0/1.log"), Some(0));
    }

    #[test]
    fn an_undone_rename_brings_the_replaced_file_back() {
        let mut names = names(&["a", "a.tmp"]);
        names.synced("", names.changes());
        assert_eq!(names.rename("a.tmp", "a"), Some(vec![0]));
        assert!(names.may_return(0) && names.may_return(1));
        names.power_lost(Seed(1), 0);
        assert_eq!((names.get("a"), names.get("a.tmp")), (Some(0), Some(1)));
    }

    #[test]
    fn a_sync_covers_only_changes_before_its_request() {
        let mut names = names(&["a"]);
        let asked = names.changes();
        names.insert("b", 1);
        names.synced("", asked);
        names.power_lost(Seed(1), 0);
        assert_eq!(names.paths().collect::<Vec<_>>(), ["a"]);
    }

    #[derive(Clone, Debug)]
    enum Op {
        Create(u8),
        Remove(u8),
        Rename(u8, u8),
        Sync(bool),
    }

    fn path(n: u8) -> String {
        if n < 3 { format!("d/{n}") } else { n.to_string() }
    }

    proptest! {
        /// After any operations and a power loss, a name is in a state that it had since the last sync of its folder.
        #[test]
        fn a_loss_of_power_leaves_each_name_as_it_was_at_some_time_since_its_sync(
            ops in prop::collection::vec(prop_oneof![
                (0u8..6).prop_map(Op::Create),
                (0u8..6).prop_map(Op::Remove),
                (0u8..6, 0u8..6).prop_map(|(a, b)| Op::Rename(a, b)),
                any::<bool>().prop_map(Op::Sync),
            ], 1..40),
            seed in any::<u64>(),
        ) {
            let mut names = Names::default();
            let mut was: BTreeMap<String, BTreeSet<Option<u32>>> = (0..6).map(|n| (path(n), [None].into())).collect();
            let mut above: BTreeSet<bool> = [false].into();
            for (file, op) in (0u32..).zip(ops) {
                match op {
                    Op::Create(n) => drop(names.insert(&path(n), file)),
                    Op::Remove(n) => drop(names.remove(&path(n))),
                    Op::Rename(a, b) => drop(names.rename(&path(a), &path(b))),
                    Op::Sync(root) => {
                        names.synced(if root { "" } else { "d" }, names.changes());
                        for (path, was) in was.iter_mut().filter(|(path, _)| path.contains('/') != root) {
                            *was = [names.get(path)].into();
                        }
                        if root {
                            above = [names.durable_folders.contains("d")].into();
                        }
                    }
                }
                above.insert(!names.inside("d").is_empty());
                for (path, was) in &mut was {
                    was.insert(names.get(path));
                }
                prop_assert!((0..=file).all(|file| names.may_return(file) == names.is_held_or_pending(file)));
            }
            names.power_lost(Seed(seed), 100);
            prop_assert!((0..40).all(|file| names.may_return(file) == names.is_held_or_pending(file)));
            for (path, was) in &was {
                let found = names.get(path);
                let orphaned = found.is_none() && path.contains('/') && above.contains(&false);
                prop_assert!(was.contains(&found) || orphaned, "{path}: {found:?}, was {was:?}");
            }
        }
    }
}

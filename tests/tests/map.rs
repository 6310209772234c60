//! What ARCHITECTURE.md and the crates' front pages name, exists.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the repository").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file and folder that is ours, by its path from the root.
fn tree() -> Vec<String> {
    fn walk(folder: &Path, from: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("the repository can be read") {
            let path = entry.expect("the repository can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with('.') && name != ".ci" || name == "target" || name == "node_modules" {
                continue;
            }
            found.push(path.strip_prefix(from).expect("it is below").to_string_lossy().into_owned());
            if path.is_dir() {
                walk(&path, from, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &root(), &mut found);
    found
}

/// The texts between backticks, fenced blocks left out.
fn quoted(text: &str) -> Vec<&str> {
    let mut quoted = Vec::new();
    for (n, part) in text.split("```").enumerate() {
        if n % 2 == 0 {
            quoted.extend(part.split('`').skip(1).step_by(2));
        }
    }
    quoted
}

#[test]
fn every_path_that_architecture_and_contributing_name_exists() {
    let tree = tree();
    for (page, least) in [("ARCHITECTURE.md", 50), ("CONTRIBUTING.md", 5)] {
        let text = read(&root().join(page));
        let is_path = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_-.".contains(&b));
        let names = quoted(&text).into_iter().filter(|name| name.contains('/') && !name.starts_with("target/"));
        let paths: Vec<&str> = names.filter(is_path).collect();
        assert!(paths.len() > least, "{page}: {} paths", paths.len());
        for path in paths {
            // Paths may be cut at the front where the text before them says in which crate they are.
            let end = format!("/{path}");
            assert!(tree.iter().any(|known| known == path || known.ends_with(&end)), "{page}: no `{path}`");
        }
    }
}

/// The crates that a crate's manifest names under `[dependencies]`, without `tribunal-`.
fn dependencies(folder: &str) -> Vec<String> {
    let manifest = read(&root().join(folder).join("Cargo.toml"));
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").unwrap_or_default();
    let lines = dependencies.lines().take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.strip_prefix("tribunal")?.split(['.', ' ']).next()).map(str::to_owned).collect()
}

#[test]
fn a_crate_uses_only_crates_that_stand_above_it_in_the_map() {
    let (text, workspace) = (read(&root().join("ARCHITECTURE.md")), read(&root().join("Cargo.toml")));
    let (_, map) = text.split_once("\n## The map\n").expect("there is a map");
    let map = map.split("\n## ").next().unwrap_or_default();
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut known = Vec::new();
    for folder in rows {
        let package = read(&root().join(folder).join("Cargo.toml"));
        let name = package.lines().find_map(|line| line.strip_prefix("name = \"tribunal")).expect("a crate has a name");
        for dependency in dependencies(folder) {
            assert!(
                known.contains(&dependency),
                "{folder} uses tribunal{dependency}, which stands below it in the map"
            );
        }
        known.push(name.trim_end_matches('"').to_owned());
    }
    for line in workspace.lines().filter(|line| line.starts_with("tribunal") && line.contains("path = ")) {
        let name = line.split(' ').next().unwrap_or_default().trim_start_matches("tribunal");
        assert!(known.iter().any(|known| known == name), "tribunal{name} has no row in the map");
    }
}

#[test]
fn the_broker_knows_no_simulator_and_the_simulator_no_kafka() {
    assert_eq!(dependencies("sim"), ["-contract"]);
    let brokers = fs::read_dir(root().join("broker")).expect("the repository can be read");
    for entry in brokers.map(|entry| entry.expect("the repository can be read").file_name()) {
        let folder = format!("broker/{}", entry.to_string_lossy());
        if root().join(&folder).join("Cargo.toml").exists() {
            for judge in ["-sim", "-model", "-checker", "-reports", "-world"] {
                assert!(!dependencies(&folder).iter().any(|name| name == judge), "{folder} uses tribunal{judge}");
            }
        }
    }
}

#[test]
fn every_function_of_the_walk_is_in_the_file_that_is_named_for_it() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let (_, walk) = text.split_once("\n## A record's way\n").expect("there is a walk");
    let walk = walk.split("\n## ").next().unwrap_or_default();
    let mut steps = 0;
    for row in walk.lines().filter(|line| line.starts_with("| ") && line.contains(".rs`")) {
        let (_, named) = row.split_once(" | ").expect("a row has two columns");
        let names = quoted(named);
        let (file, functions) = names.split_last().expect("a row has names");
        let source = read(&root().join(file));
        for function in functions {
            let name = function.rsplit("::").next().unwrap_or(function);
            assert!(source.contains(&format!("fn {name}")), "{file} has no `{function}`");
            if let Some((owner, _)) = function.split_once("::") {
                assert!(source.contains(owner), "{file} does not mention `{owner}`");
            }
            steps += 1;
        }
    }
    assert!(steps >= 15, "{steps} steps");
}

#[test]
fn every_file_that_a_front_page_names_exists() {
    let pages: Vec<String> = tree().into_iter().filter(|path| path.ends_with("src/lib.rs")).collect();
    assert!(pages.len() >= 20, "{} crates", pages.len());
    let mut named = 0;
    for page in pages {
        let page = root().join(page);
        let (source, folder) = (page.parent().expect("it is a file"), page.parent().and_then(Path::parent));
        let text = read(&page);
        for row in text.lines().filter_map(|line| line.strip_prefix("//! | ")) {
            let Some((_, files)) = row.split_once(" | ") else { continue };
            for file in quoted(files) {
                let exists = source.join(file).exists() || folder.is_some_and(|folder| folder.join(file).exists());
                assert!(exists, "{}: no `{file}`", page.display());
                named += 1;
            }
        }
    }
    assert!(named > 100, "{named} files");
}

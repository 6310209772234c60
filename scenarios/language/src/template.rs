//! What `tribunal new` writes.

/// A scenario called `name` that validates, with comments on what can be changed.
pub fn template(name: &str) -> String {
    TEMPLATE.replace("{name}", name)
}

const TEMPLATE: &str = include_str!("template.toml");

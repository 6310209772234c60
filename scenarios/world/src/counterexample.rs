//! A counterexample of the checker as a plan: not when things happen but which one is next.

use serde::{Deserialize, Serialize};
use toml::de::DeTable;
use tribunal_checker::{Action, CheckConfig, Step, World};
use tribunal_common::Bug;
use tribunal_language::Source;
use tribunal_language::plan::FORMAT;
use tribunal_model::{Property, Violation};

/// A schedule to be followed to the letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Version of the format of plans.
    format: u32,
    /// Version of the tool that made it.
    tribunal: String,
    /// Name of the configuration whose machines these are.
    pub check: String,
    /// Planted bugs, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bugs: Vec<String>,
    /// The property that breaks.
    pub property: String,
    /// How.
    pub detail: String,
    /// The configuration's file, as it was.
    configuration: String,
    /// What happens, in order.
    #[serde(rename = "step", default)]
    pub steps: Vec<Step>,
    /// What happens once the faults have ended, in order, without anything being committed: of a cluster that makes no
    /// progress. Then the kernel chooses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Step>,
}

impl Script {
    /// The path from the initial state of `world`, whose configuration is `text`, to a broken promise.
    pub fn of(world: &World, text: &str, path: &[Action], violation: &Violation) -> Script {
        Script {
            format: FORMAT,
            tribunal: env!("CARGO_PKG_VERSION").to_owned(),
            check: world.config.name.clone(),
            bugs: world.config.bugs.iter().map(|bug| bug.id().to_owned()).collect(),
            property: violation.property.name().to_owned(),
            detail: violation.detail.clone(),
            configuration: text.to_owned(),
            steps: world.script(path),
            after: match violation.property {
                Property::NoProgress => world.script_after(path),
                _ => Vec::new(),
            },
        }
    }

    /// Whether a plan is one of these.
    pub fn is_script(source: &Source) -> bool {
        let (root, _) = DeTable::parse_recoverable(source.text());
        root.get_ref().contains_key("format") && root.get_ref().contains_key("check")
    }

    /// Reads one.
    ///
    /// # Errors
    ///
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Script, String> {
        let script: Script = toml::from_str(text).map_err(|wrong| wrong.to_string().trim_end().to_owned())?;
        if script.format != FORMAT {
            return Err(format!(
                "a plan of format {}, made by tribunal {}; tribunal {} reads format {FORMAT}",
                script.format,
                script.tribunal,
                env!("CARGO_PKG_VERSION")
            ));
        }
        if Property::from_name(&script.property).is_none() {
            return Err(format!("`{}` is no property; `tribunal list properties` lists them", script.property));
        }
        script.config()?;
        Ok(script)
    }

    /// The configuration, with its bugs.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or a bug is not known.
    pub fn config(&self) -> Result<CheckConfig, String> {
        let bugs = self.bugs.iter().map(|id| Bug::from_id(id).ok_or_else(|| format!("`{id}` is no bug")));
        let bugs: Vec<Bug> = bugs.collect::<Result<_, _>>()?;
        let config = CheckConfig::parse(&self.check, &self.configuration).map_err(|wrong| wrong.to_string())?;
        Ok(config.with_bugs(&bugs))
    }

    /// The plan as a file.
    pub fn to_toml(&self) -> String {
        let text = toml::to_string(self).unwrap_or_default();
        format!("# What happens, step by step, until a promise breaks. Follow it: tribunal replay FILE\n{text}")
    }
}

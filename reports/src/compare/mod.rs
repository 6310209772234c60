//! Several runs beside each other: a few that were named, or all of a sweep, by the value of its knob.

mod figures;
mod page;
mod statistics;

use std::path::{Path, PathBuf};

pub use figures::{Figures, Group};
pub use statistics::Mean;

use crate::charts::{Scene, write_pictures};
use crate::report::ReportOptions;
use crate::{Reading, ReportError, RunFolder};

/// What is compared.
#[derive(Debug, Default)]
pub struct Comparison {
    /// What the page is called.
    pub title: String,
    /// The question that it answers.
    pub about: String,
    /// What differs from group to group: `cluster.session_timeout`; empty if the groups are single runs.
    pub knob: String,
    /// The groups, in the order in which they are shown.
    pub groups: Vec<Group>,
}

impl Comparison {
    /// Compares runs, each a group of its own.
    ///
    /// # Errors
    /// If a run cannot be read.
    pub fn of_runs(folders: &[PathBuf]) -> Result<Comparison, ReportError> {
        let mut groups: Vec<Group> = Vec::new();
        for path in folders {
            let Reading { data, series, .. } = Reading::of(&RunFolder::open(path)?)?;
            let planted: String = data.verdict.bugs.iter().map(|bug| format!(" {bug}")).collect();
            let mut label = format!("{} {}{planted}", data.verdict.scenario, data.verdict.seed);
            let same = groups.iter().filter(|group| group.label.starts_with(&label)).count();
            if same > 0 {
                label += &format!(" ({})", same + 1);
            }
            let mut group = Group::new(label);
            group.add(&data, &series);
            groups.push(group);
        }
        Ok(Comparison { title: format!("{} runs", groups.len()), groups, ..Comparison::default() })
    }

    /// Writes `compare.html`, `compare.csv` and a picture of each chart into a folder, which is made. Says where the
    /// page is.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path, options: ReportOptions) -> Result<PathBuf, ReportError> {
        let panels = self.panels();
        write_pictures(&panels, &Scene::default(), &folder.join("charts"), options.png)?;
        self.write_csv(&folder.join("compare.csv"))?;
        let page = folder.join("compare.html");
        std::fs::write(&page, self.page(&panels)).map_err(ReportError::io(&page))?;
        Ok(page)
    }
}

//! Several runs side by side: a few named ones, or all runs of a sweep, grouped by the value of its knob.

mod figures;
mod page;
mod statistics;

use std::path::{Path, PathBuf};

pub use figures::{Figures, Group};
pub use statistics::Mean;

use crate::charts::{Scene, write_pictures};
use crate::report::ReportOptions;
use crate::{Reading, ReportError, RunFolder};

/// The groups of a comparison and its texts.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The title of the page.
    pub title: String,
    /// The question that the comparison answers.
    pub about: String,
    /// The setting that differs between groups: `cluster.session_timeout`. Empty if the groups are single runs.
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

    /// Writes `compare.html`, `compare.csv` and a picture of each chart into a folder, which it creates. Returns the
    /// path of the page.
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

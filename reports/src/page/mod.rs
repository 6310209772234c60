//! Pages. Each page is one file with its styles, scripts and data, and loads nothing from elsewhere.
//!
//! The scripts in `assets/page` were written for this project.

mod html;
mod hunt;
mod run;
mod spacetime;
mod timeline;

use serde::Serialize;

pub use html::thousands;
pub(crate) use html::{escaped, table};
pub use hunt::{hunt_file, write_hunt_page};
pub use run::run_page;

use crate::charts::{Panel, Scene};
use html::script_json;

const CSS: &str = include_str!("../../assets/page/page.css");
const SCRIPTS: [&str; 4] = [
    include_str!("../../assets/page/chart.js"),
    include_str!("../../assets/page/timeline.js"),
    include_str!("../../assets/page/spacetime.js"),
    include_str!("../../assets/page/page.js"),
];

/// The data that the scripts of a page draw.
#[derive(Debug, Serialize)]
struct PageData<'d> {
    /// The range of time that charts over simulated time show, in seconds.
    from: f64,
    to: f64,
    panels: &'d [Panel],
    scene: &'d Scene,
    timeline: timeline::Timeline,
    spacetime: spacetime::SpaceTime,
}

/// A section of a page: its anchor, its title and its contents.
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) body: String,
}

/// Assembles a page. `head` stands above the first section.
fn document(title: &str, head: &str, sections: &[Section], data: &PageData<'_>) -> String {
    let links = sections.iter().map(|section| format!("<li><a href=\"#{}\">{}</a></li>", section.id, section.title));
    let links: String = links.collect();
    let sections = sections
        .iter()
        .map(|section| format!("<section id=\"{}\"><h2>{}</h2>{}</section>", section.id, section.title, section.body));
    let sections: String = sections.collect();
    let scripts = SCRIPTS.join("\n");
    let (title, json) = (escaped(title), script_json(data));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title><link rel=\"icon\" href=\"data:,\">\
         <style>\n{CSS}</style></head><body>\
         <nav aria-label=\"sections\"><ul>{links}<li class=\"last\"><button id=\"theme\" type=\"button\" \
         title=\"light or dark\">dark</button></li></ul></nav>\
         <main>{head}{sections}</main>\
         <script type=\"application/json\" id=\"data\">{json}</script>\
         <script>\n{scripts}</script></body></html>\n"
    )
}

/// The placeholders into which the script draws these charts.
pub(crate) fn charts(ids: &[&str]) -> String {
    ids.iter().map(|id| format!("<div data-panels=\"{id}\"></div>")).collect()
}
/// A page whose data is charts only.
pub(crate) fn page_of_charts(title: &str, head: &str, sections: &[Section], panels: &[Panel]) -> String {
    let (timeline, spacetime) = Default::default();
    let data = PageData { from: 0.0, to: 1.0, panels, scene: &Scene::default(), timeline, spacetime };
    document(title, head, sections, &data)
}

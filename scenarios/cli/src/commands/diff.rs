//! `tribunal diff`.

use std::path::Path;

use serde::Serialize;
use tribunal_reports::{ReportError, RunFolder};
use tribunal_sim::trace::{Trace, TraceEvent, TraceKind};
use tribunal_world::run::{How, RunError, World, run_caught};

use super::args::{DEFAULT_OUT, MessageFormat};
use super::hunt_args::DiffArgs;
use super::{Exit, complain, json, print, say_error, select};

/// Shows the first event at which two runs differ.
pub(super) fn diff(args: &DiffArgs, world: Option<&dyn World>) -> Exit {
    let mut traces = Vec::new();
    for (n, what) in [&args.a, &args.b].into_iter().enumerate() {
        match trace(what, n, world) {
            Ok(trace) => traces.push(trace),
            Err(Unread::Wrong(wrong)) => return complain(&wrong, args.output),
            Err(Unread::Failed(error)) => {
                say_error(error, args.output);
                return Exit::Failed;
            }
            Err(Unread::Bad(why)) => {
                say_error(why, args.output);
                return Exit::BadFile;
            }
        }
    }
    let events = |n: usize| -> Vec<&TraceEvent> {
        let trace: &Trace = &traces[n];
        trace.events.iter().filter(|event| event.kind.is_event()).collect()
    };
    let (a, b) = (events(0), events(1));
    let same = |(a, b): &(&&TraceEvent, &&TraceEvent)| equal(a, b);
    let part = a.iter().zip(&b).take_while(same).count();
    let parted = part < a.len() || part < b.len();
    let around = |events: &[&TraceEvent], n: usize| -> Vec<String> {
        let until = (part + args.context.max(1)).min(events.len());
        events[part.min(until)..until].iter().map(|event| text(event, &traces[n])).collect()
    };
    let before = a[part.saturating_sub(args.context)..part].iter().map(|event| text(event, &traces[0])).collect();
    let record = DiffRecord {
        r#type: "diff",
        parted,
        event: parted.then_some(part),
        events: [a.len(), b.len()],
        before,
        a: around(&a, 0),
        b: around(&b, 1),
    };
    match args.output.message_format {
        MessageFormat::Json => json::print(&record),
        MessageFormat::Human => print(&record.text(args)),
    }
    // As with diff(1), whether they differ is what is asked; both runs are there, so nothing has failed.
    if parted { Exit::Violation } else { Exit::AllHeld }
}

#[derive(Serialize)]
struct DiffRecord {
    r#type: &'static str,
    parted: bool,
    /// The number of the first event that differs.
    event: Option<usize>,
    /// How many events each has.
    events: [usize; 2],
    before: Vec<String>,
    a: Vec<String>,
    b: Vec<String>,
}

impl DiffRecord {
    fn text(&self, args: &DiffArgs) -> String {
        let Some(event) = self.event else { return format!("equal: {} events\n", self.events[0]) };
        let mut text = format!("the runs differ from event {event} on\n");
        text.extend(self.before.iter().map(|line| format!("    {line}\n")));
        for (what, lines) in [(&args.a, &self.a), (&args.b, &self.b)] {
            text += &format!("  {}\n", what.display());
            text.extend(lines.iter().map(|line| format!("    {line}\n")));
            if lines.is_empty() {
                text += "    ends here\n";
            }
        }
        text
    }
}

enum Unread {
    Bad(String),
    Failed(RunError),
    Wrong(select::Wrong),
}

/// The trace of a run's folder as it was recorded, or of a plan's run.
fn trace(what: &Path, nth: usize, world: Option<&dyn World>) -> Result<Trace, Unread> {
    if what.is_dir() {
        return read(&what.join("trace.bin"));
    }
    let (request, bugs) = select::replay(what, None).map_err(Unread::Wrong)?;
    let Some(world) = world else {
        return Err(Unread::Failed(RunError::new("this build has no world to run plans in".into())));
    };
    let path = Path::new(DEFAULT_OUT).join("diff").join(["a", "b"][nth]);
    let failed = |error: ReportError| Unread::Failed(error.into());
    let folder = RunFolder::create(&path).map_err(failed)?;
    run_caught(world, &request.subject.plan(), &How { bugs: &bugs, folder: Some(&folder), ..How::default() })
        .map_err(failed)?;
    read(&path.join("trace.bin"))
}

fn read(path: &Path) -> Result<Trace, Unread> {
    let bad = |why: String| Unread::Bad(format!("{}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(path);
            Unread::Bad(format!("{}: not the folder of a run: there is no trace.bin in it", folder.display()))
        }
        _ => bad(error.to_string()),
    })?;
    Trace::decode(&bytes).map_err(|error| bad(error.to_string()))
}

/// Whether two events are the same. Labels are numbered as they came up, so they are not compared: digests are.
fn equal(a: &TraceEvent, b: &TraceEvent) -> bool {
    let bare = |event: &TraceEvent| match event.kind {
        TraceKind::Delivered { conn, digest, .. } => TraceKind::Delivered { conn, label: 0, digest },
        TraceKind::Fault { digest, .. } => TraceKind::Fault { label: 0, digest },
        kind => kind,
    };
    (a.at, a.node, bare(a)) == (b.at, b.node, bare(b))
}

/// An event in a line.
pub(super) fn text(event: &TraceEvent, trace: &Trace) -> String {
    let label = |label: u16| trace.labels.get(usize::from(label)).map_or("?", String::as_str);
    let what = match event.kind {
        TraceKind::Crashed => "crashes".to_owned(),
        TraceKind::Delivered { conn, label: kind, .. } => {
            let from = if conn.acceptor == event.node { conn.initiator } else { conn.acceptor };
            format!("receives {} from n{}", label(kind), from.0)
        }
        TraceKind::Down { conn } => format!("loses connection n{} → n{}", conn.initiator.0, conn.acceptor.0),
        TraceKind::Fault { label: kind, .. } => format!("fault {}", label(kind)),
        TraceKind::Halted => "stops".to_owned(),
        TraceKind::Input => "is given a command".to_owned(),
        TraceKind::Observed { digest } => format!("reports {digest:016x}"),
        TraceKind::PowerLost => "loses power".to_owned(),
        TraceKind::Refused { peer, .. } => format!("is refused by n{}", peer.0),
        TraceKind::Sent { conn, label: kind, .. } => {
            let to = if conn.acceptor == event.node { conn.initiator } else { conn.acceptor };
            format!("sends {} to n{}", label(kind), to.0)
        }
        TraceKind::Started { incarnation } => match incarnation {
            0 => "starts".to_owned(),
            again => format!("starts again, start {}", u64::from(again) + 1),
        },
        TraceKind::SyncAsked { .. } => "asks for a sync".to_owned(),
        TraceKind::Synced { ok, .. } => format!("sync {}", if ok { "is done" } else { "fails" }),
        TraceKind::Timer { id } => format!("timer {}/{}", id.class, id.index),
        TraceKind::Up { conn, .. } => format!("has connection n{} → n{}", conn.initiator.0, conn.acceptor.0),
    };
    let nanos = event.at.0;
    let node = if event.node == TraceEvent::NO_NODE { "network".to_owned() } else { format!("n{}", event.node.0) };
    format!("{:>6} {}.{:06} {node} {what}", event.seq, nanos / 1_000_000_000, nanos / 1_000 % 1_000_000)
}

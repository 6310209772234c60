//! The result of a hunt in the formats of other programs: JUnit XML, GitHub annotations, GitHub step summaries.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::causal::chain_line;
use crate::hunt::{FailureRecord, HuntRecord};

/// The number of annotations that GitHub shows for a step.
pub const MAX_ANNOTATIONS: usize = 10;

/// JUnit XML with a case for each failure, or one passing case if there is no failure.
///
/// # Errors
/// If the writer fails, with its message.
pub fn junit(record: &HuntRecord) -> Result<String, String> {
    let mut suite = TestSuite::new("hunt");
    let failures = record.failures_in_order();
    if failures.is_empty() {
        let mut case = TestCase::new(format!("{} seeds", record.runs_done()), TestCaseStatus::success());
        case.set_classname("hunt");
        suite.add_test_case(case);
    }
    for failure in failures {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(failure.first.detail.clone());
        status.set_type(failure.property.clone());
        status.set_description(body(failure));
        let mut case = TestCase::new(failure.signature.clone(), status);
        case.set_classname("hunt");
        suite.add_test_case(case);
    }
    let mut report = Report::new("tribunal");
    report.add_test_suite(suite);
    report.to_string().map_err(|error| error.to_string())
}

/// Workflow commands that annotate the regression file of each failure, or its scenario file. There are at most
/// [`MAX_ANNOTATIONS`]; if there are more failures, the last command gives the number of the rest.
pub fn annotations(record: &HuntRecord) -> Vec<String> {
    let failures = record.failures_in_order();
    let room = if failures.len() > MAX_ANNOTATIONS { MAX_ANNOTATIONS - 1 } else { failures.len() };
    let mut lines: Vec<String> = failures[..room].iter().map(|failure| annotation(failure)).collect();
    if room < failures.len() {
        lines.push(format!("::error title=tribunal::and {} more distinct failures", failures.len() - room));
    }
    lines
}

/// Markdown for a step's summary.
pub fn step_summary(record: &HuntRecord) -> String {
    let failures = record.failures_in_order();
    let marks = record.marks.len();
    let mut text = format!("### Hunt: {} seeds, {marks} marks of behaviour, ", record.runs_done());
    text += &match failures.len() {
        0 => "nothing found\n".to_owned(),
        1 => "1 failure\n".to_owned(),
        n => format!("{n} distinct failures\n"),
    };
    if !failures.is_empty() {
        text += "\n| failure | seeds | first | replay |\n|---|---|---|---|\n";
    }
    for failure in failures {
        let first = &failure.first;
        let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
        text += &format!(
            "| **{}**: {} | {} | {} | `{}` |\n",
            cell(&failure.signature),
            cell(&first.detail),
            failure.seeds.len(),
            first.seed,
            cell(&replay(failure)),
        );
    }
    let never = record.never_reached();
    if !never.is_empty() {
        text += &format!("\nNever reached: {}\n", never.join(", "));
    }
    text
}

/// The command of the shortest run that shows the failure.
fn replay(failure: &FailureRecord) -> String {
    match &failure.first.shrunk {
        Some(shrunk) => format!("tribunal replay {}", shrunk.path),
        None => failure.first.replay.clone(),
    }
}

fn body(failure: &FailureRecord) -> String {
    let mut text = format!("{}\n", failure.first.detail);
    if !failure.first.chain.is_empty() {
        text += &format!("{}\n", chain_line(&failure.first.chain));
    }
    text + &format!("seeds: {}\nreplay: {}\n", failure.seeds.len(), replay(failure))
}

fn annotation(failure: &FailureRecord) -> String {
    let property = |text: &str| message(text).replace(':', "%3A").replace(',', "%2C");
    let file = failure.first.shrunk.as_ref().map(|shrunk| format!("file={},", property(&shrunk.path)));
    let title = property(&failure.signature);
    format!("::error {}title={title}::{}", file.unwrap_or_default(), message(body(failure).trim_end()))
}

/// Escapes a text for a workflow command.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hunt::FirstFailure;

    fn record(failures: usize) -> HuntRecord {
        let mut record = HuntRecord::new(["isr-shrunk".to_owned()]);
        for n in 0..failures {
            record.note_failure(FailureRecord {
                signature: format!("lost-write: elected {n}"),
                property: "lost-write".into(),
                tuple: vec!["elected".into()],
                seeds: [format!("{n:#x}")].into(),
                first: FirstFailure {
                    seed: format!("{n:#x}"),
                    detail: "orders/0 offset 5 <lost> & 100 % gone".into(),
                    chain: Vec::new(),
                    replay: "tribunal replay target/x".into(),
                    folder: String::new(),
                    shrunk: None,
                },
            });
        }
        record
    }

    #[test]
    fn junit_has_a_case_per_failure_or_one_passing_case() {
        let text = junit(&record(2)).unwrap();
        assert!(text.contains(r#"tests="2""#) && text.contains(r#"failures="2""#), "{text}");
        assert!(text.contains("&lt;lost&gt; &amp; 100 % gone"), "{text}");
        assert!(junit(&record(0)).unwrap().contains(r#"failures="0""#));
    }

    #[test]
    fn the_tenth_annotation_counts_the_rest() {
        assert_eq!(annotations(&record(10)).len(), 10);
        let lines = annotations(&record(13));
        assert_eq!(lines.len(), 10);
        assert_eq!(lines[9], "::error title=tribunal::and 4 more distinct failures");
        assert!(
            lines[0].starts_with("::error title=lost-write%3A elected 0::orders/0 offset 5 <lost> & 100 %25 gone%0A")
        );
    }

    #[test]
    fn the_summary_is_one_table() {
        let text = step_summary(&record(2));
        assert_eq!(text.matches("\n| **").count(), 2);
        assert!(text.ends_with("\nNever reached: isr-shrunk\n"));
        assert!(step_summary(&record(0)).contains("nothing found"));
    }
}

//! Sends the same requests to Apache Kafka and to Tribunal, and compares the answers field by field.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use tribunal_frames::cases::{self, CORRELATION_ID, Case};
use tribunal_frames::{Differences, Fields, Outcome, Side, fields, set_up};
use tribunal_protocol::messages::fetch_response::FetchableTopicResponse;
use tribunal_protocol::messages::{ApiVersionsRequest, FetchResponse, FindCoordinatorRequest};
use tribunal_protocol::{ApiKey, ResponseBody, Str, decode_response, encode_request};
use tribunal_records::BatchHeaders;

/// How long a server may take for an answer; what is asked waits for less.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the absence of an answer is waited for.
const NO_ANSWER: Duration = Duration::from_millis(300);
/// APIs of consumer groups that are not compared yet. Their answers depend on members, generations and waiting, which
/// random requests do not have; each needs cases by hand.
const NOT_COMPARED: [ApiKey; 10] = [
    ApiKey::DeleteGroups,
    ApiKey::DescribeGroups,
    ApiKey::Heartbeat,
    ApiKey::JoinGroup,
    ApiKey::LeaveGroup,
    ApiKey::ListGroups,
    ApiKey::OffsetCommit,
    ApiKey::OffsetDelete,
    ApiKey::OffsetFetch,
    ApiKey::SyncGroup,
];

/// Compares our answers with Apache Kafka's
#[derive(Debug, Parser)]
struct Args {
    /// A fresh Apache Kafka of one broker
    #[arg(long, value_name = "HOST:PORT")]
    kafka: SocketAddr,
    /// A fresh Tribunal of one broker
    #[arg(long, value_name = "HOST:PORT")]
    ours: SocketAddr,
    /// The list of known differences
    #[arg(long, value_name = "FILE")]
    list: PathBuf,
    /// Random requests for each API
    #[arg(long, value_name = "N", default_value_t = 300)]
    random: usize,
    /// Determines the random requests
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many unlisted differences are shown
    #[arg(long, value_name = "N", default_value_t = 60)]
    show: usize,
    /// An API to compare; may be given several times [default: all that ours serves]
    #[arg(long, value_name = "NAME")]
    api: Vec<String>,
}

/// What was compared of an API.
#[derive(Default)]
struct Tally {
    answers: usize,
    equal: usize,
    as_listed: usize,
    fields: usize,
    listed: usize,
    unlisted: usize,
}

fn main() -> ExitCode {
    match judge(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn judge(args: &Args) -> Result<bool, Box<dyn std::error::Error>> {
    let mut list = Differences::load(&args.list)?;
    let mut kafka = set_up(args.kafka, PATIENCE).map_err(|error| format!("Kafka at {}: {error}", args.kafka))?;
    let mut ours = set_up(args.ours, PATIENCE).map_err(|error| format!("ours at {}: {error}", args.ours))?;
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut shown = 0;
    let mut served = served(&mut ours)?;
    // Asked for a coordinator, Kafka creates a topic that others would see.
    served.sort_by_key(|api| *api == ApiKey::FindCoordinator);
    if let Some(unknown) = args.api.iter().find(|name| !served.iter().any(|api| api.name() == **name)) {
        return Err(format!("{unknown} is not served by ours").into());
    }
    for api in served.into_iter().filter(|api| args.api.is_empty() || args.api.iter().any(|name| name == api.name())) {
        if api == ApiKey::FindCoordinator {
            find_group_coordinator(&mut kafka)?;
            find_group_coordinator(&mut ours)?;
        }
        for case in cases::of(api, args.random, args.seed) {
            let theirs = outcome(&case, &mut kafka)?;
            let own = outcome(&case, &mut ours)?;
            let found = list.compare(api.name(), &format!("{} (version {})", case.name, case.version), &theirs, &own);
            let tally = tallies.entry(api.name()).or_default();
            tally.answers += 1;
            tally.equal += usize::from(found.listed + found.unlisted.len() == 0);
            tally.as_listed += usize::from(found.listed > 0 && found.unlisted.is_empty());
            tally.fields += found.fields;
            tally.listed += found.listed;
            tally.unlisted += found.unlisted.len();
            for (path, theirs, own) in &found.unlisted {
                shown += 1;
                if shown <= args.show {
                    println!("{} {}, {}: {path}: Kafka {theirs}, ours {own}", api.name(), case.version, case.name);
                }
            }
        }
    }
    Ok(report(&tallies, &list))
}

/// Asks for a group's coordinator until there is one: how long the internal topic takes to be made is each server's own.
fn find_group_coordinator(side: &mut Side) -> Result<(), Box<dyn std::error::Error>> {
    let request = FindCoordinatorRequest { key: Str::from_static("group"), ..Default::default() };
    let request = encode_request(0, None, 0, &request.into())?;
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Outcome::Answer(answer) = side.connection.exchange(&request)?
            && let (_, ResponseBody::FindCoordinator(answer)) = decode_response(answer, ApiKey::FindCoordinator, 0)?
            && answer.error_code == 0
        {
            return Ok(());
        }
        std::thread::sleep(NO_ANSWER);
    }
    Err("a group has no coordinator".into())
}

/// The APIs that our server says it serves.
fn served(ours: &mut Side) -> Result<Vec<ApiKey>, Box<dyn std::error::Error>> {
    let request = encode_request(0, None, 0, &ApiVersionsRequest::default().into())?;
    let Outcome::Answer(answer) = ours.connection.exchange(&request)? else {
        return Err("our server does not answer ApiVersions".into());
    };
    let (_, ResponseBody::ApiVersions(answer)) = decode_response(answer, ApiKey::ApiVersions, 0)? else {
        unreachable!("decoded as the answer to ApiVersions")
    };
    let served = answer.api_keys.iter().filter_map(|api| ApiKey::try_from(api.api_key).ok());
    Ok(served.filter(|api| !NOT_COMPARED.contains(api)).collect())
}

/// What a server makes of a case, as fields.
fn outcome(case: &Case, side: &mut Side) -> std::io::Result<Fields> {
    let frame = side.localize(&case.frame);
    let outcome = side.connection.exchange_within(&frame, if case.answered { PATIENCE } else { NO_ANSWER })?;
    let said = |what: &str| Fields::from([("outcome".to_owned(), what.to_owned())]);
    Ok(match outcome {
        Outcome::Closed => said("closed"),
        Outcome::Silent => said("silent"),
        Outcome::Answer(answer) => match decode_response(answer, case.api, case.version) {
            Ok((header, mut body)) => {
                if let ResponseBody::Fetch(fetched) = &mut body {
                    normalize(fetched);
                    side.note_session(fetched.session_id);
                }
                let mut fields = fields(&body, &|leaf| side.rename(leaf));
                if let Some(session) = fields.get_mut("session_id").filter(|session| *session != "0") {
                    "<session>".clone_into(session);
                }
                let echoed = header.correlation_id == CORRELATION_ID;
                fields.insert("outcome".to_owned(), "answered".to_owned());
                fields.insert("correlation id is the request's".to_owned(), echoed.to_string());
                fields
            }
            Err(error) => said(&format!("an answer that cannot be read: {error}")),
        },
    })
}

/// Takes away what means nothing to clients: the part of a batch with which a partition's records may end, and how
/// often a topic is named.
fn normalize(fetched: &mut FetchResponse) {
    let mut topics: Vec<FetchableTopicResponse> = Vec::new();
    for mut topic in std::mem::take(&mut fetched.responses) {
        match topics.iter_mut().find(|other| (&other.topic, other.topic_id) == (&topic.topic, topic.topic_id)) {
            Some(other) => other.partitions.append(&mut topic.partitions),
            None => topics.push(topic),
        }
    }
    fetched.responses = topics;
    let partitions = fetched.responses.iter_mut().flat_map(|topic| &mut topic.partitions);
    for records in partitions.filter_map(|partition| partition.records.as_mut()) {
        let mut walk = BatchHeaders::new(records);
        let whole = walk.by_ref().all(|batch| batch.is_ok());
        if whole {
            let end = walk.position();
            records.truncate(end);
        }
    }
}

/// Prints what came of it, and says whether all is as listed.
fn report(tallies: &BTreeMap<&str, Tally>, list: &Differences) -> bool {
    let share = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
    println!(
        "{:<27} {:>8} {:>8} {:>10} {:>8} {:>8} {:>9}",
        "API", "answers", "equal", "as listed", "fields", "listed", "unlisted"
    );
    let mut all = Tally::default();
    for (api, tally) in tallies {
        println!(
            "{api:<27} {:>8} {:>7.1}% {:>9.1}% {:>8} {:>8} {:>9}",
            tally.answers,
            share(tally.equal, tally.answers),
            share(tally.as_listed, tally.answers),
            tally.fields,
            tally.listed,
            tally.unlisted
        );
        all.answers += tally.answers;
        all.equal += tally.equal;
        all.as_listed += tally.as_listed;
        all.fields += tally.fields;
        all.listed += tally.listed;
        all.unlisted += tally.unlisted;
    }
    println!(
        "{} answers to {} APIs: {:.2} % are equal in every field, {:.2} % but for what is listed, {:.2} % are not",
        all.answers,
        tallies.len(),
        share(all.equal, all.answers),
        share(all.as_listed, all.answers),
        share(all.answers - all.equal - all.as_listed, all.answers)
    );
    println!(
        "{} fields: {:.2} % are equal, {} differ as listed, {} otherwise",
        all.fields,
        share(all.fields - all.listed - all.unlisted, all.fields),
        all.listed,
        all.unlisted
    );
    let unseen: Vec<String> = list.unseen(|api| tallies.contains_key(api)).collect();
    for entry in &unseen {
        println!("listed, but does not occur: {entry}");
    }
    all.answers > 0 && all.unlisted == 0 && unseen.is_empty()
}

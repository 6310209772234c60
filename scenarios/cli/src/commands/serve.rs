//! `tribunal serve`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tracing_subscriber::EnvFilter;
use tribunal_language::nearest::nearest;
use tribunal_protocol::{Str, Uuid};
use tribunal_server::admin::create_topics;
use tribunal_server::settings::{self, WrongSetting};
use tribunal_server::{Cluster, ClusterConfig, Member};

use super::serve_args::{Advertised, ServeArgs, listen_address};
use super::{Exit, print};

/// How long the brokers may take to find each other. Of several processes the others may be started by hand.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Within this time of the first press, another is taken for the same one: terminals, npm and `timeout` send a signal
/// twice.
const ONE_PRESS: Duration = Duration::from_secs(1);

/// Starts brokers and keeps them until Ctrl-C or SIGTERM.
pub(super) fn serve(args: &ServeArgs) -> Exit {
    let started = Instant::now();
    if let Err(wrong) = start_log(args.log.as_deref()) {
        return fail(Exit::Usage, wrong);
    }
    if !args.listen.ip().is_loopback() && !args.allow_remote {
        let wrong = format!(
            "{} can be reached by other machines, and nothing is encrypted or asks who they are: \
             say --allow-remote if that is meant",
            args.listen
        );
        return fail(Exit::Usage, wrong);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(Exit::Failed, format!("cannot start: {error}")),
    };
    let (data, _temporary) = match folder(args.data.as_deref()) {
        Ok(data) => data,
        Err(error) => {
            return fail(Exit::Failed, format!("cannot make a temporary folder: {error}; give one with --data"));
        }
    };
    let config = match config(args, &data) {
        Ok(config) => config,
        Err(wrong) => return fail(Exit::Usage, wrong),
    };
    if args.data.is_none() {
        eprintln!("data is in {} and will be removed at the end; --data DIR keeps it", data.display());
    }
    runtime.block_on(run(args, config, started))
}

/// The folder of the data, and what removes it at the end if it is temporary.
fn folder(wanted: Option<&Path>) -> std::io::Result<(PathBuf, Option<TempDir>)> {
    if let Some(folder) = wanted {
        return Ok((folder.to_owned(), None));
    }
    let temporary = tempfile::Builder::new().prefix("tribunal-").tempdir()?;
    Ok((temporary.path().to_owned(), Some(temporary)))
}

fn config(args: &ServeArgs, data: &Path) -> Result<ClusterConfig, String> {
    let mut config = match (args.node_id, &args.peers) {
        (Some(id), Some(peers)) => one_of_several(id, peers, data)?,
        _ => ClusterConfig::local(args.brokers, args.listen, data)?,
    };
    if let Some(id) = &args.cluster_id {
        id.parse::<Uuid>().map_err(|error| format!("--cluster-id {id}: {error}"))?;
        config.cluster_id = Some(Str::from(id.as_str()));
    }
    advertise(args, &mut config)?;
    config.allow_empty_voters = args.allow_empty_voters;
    settings::cluster_defaults(&mut config);
    config.give_memory_back = crate::allocator::give_memory_back;
    settings::set_all(&mut config, &args.settings).map_err(|wrong| match wrong {
        WrongSetting::Value(why) => why,
        WrongSetting::Unknown(name) => unknown(&name),
    })?;
    Ok(config)
}

/// Kafka's settings that an option of its own gives, with the option.
const OPTIONS: [(&str, &str); 8] = [
    ("advertised.listeners", "--advertised HOST:PORT"),
    ("broker.id", "--node-id ID"),
    ("broker.rack", "--rack NAME"),
    ("controller.quorum.voters", "--peers ID@HOST:PORT,…"),
    ("listeners", "--listen HOST:PORT"),
    ("log.dir", "--data DIR"),
    ("log.dirs", "--data DIR"),
    ("node.id", "--node-id ID"),
];

/// What is said of a setting that there is not.
fn unknown(name: &str) -> String {
    if let Some((_, option)) = OPTIONS.iter().find(|(known, _)| *known == name) {
        return format!("`{name}` is given by {option}");
    }
    match nearest(name, settings::names().chain(OPTIONS.map(|(known, _)| known))) {
        Some(near) => format!("`{name}` is no setting of these brokers; did you mean {near}?"),
        None => {
            let names: Vec<&str> = settings::names().collect();
            format!("`{name}` is no setting of these brokers; there are {}", names.join(", "))
        }
    }
}

/// Gives the brokers of this process the addresses and racks that they tell clients.
fn advertise(args: &ServeArgs, config: &mut ClusterConfig) -> Result<(), String> {
    let brokers = config.members.len();
    if let Some(Advertised { host, port }) = &args.advertised {
        for (place, member) in config.members.iter_mut().enumerate() {
            let port = u16::try_from(place).ok().and_then(|place| port.checked_add(place));
            let port = port.ok_or_else(|| format!("--advertised: there are no {brokers} ports from that one on"))?;
            member.advertised = Some((Str::from(host.as_str()), port));
        }
    }
    if args.racks.is_empty() {
        return Ok(());
    }
    let racks = args.racks.len();
    if racks != brokers || args.racks.iter().any(String::is_empty) {
        return Err(format!(
            "--rack names {racks} racks for {brokers} brokers: name one for each, such as --rack a,b,c"
        ));
    }
    for (member, rack) in config.members.iter_mut().zip(&args.racks) {
        member.rack = Some(Str::from(rack.as_str()));
    }
    Ok(())
}

/// This broker of the peers.
fn one_of_several(id: i32, peers: &str, data: &Path) -> Result<ClusterConfig, String> {
    let mut elsewhere = BTreeMap::new();
    for peer in peers.split(',') {
        let wrong = || format!("`{peer}` in --peers is no ID@HOST:PORT, such as 1@127.0.0.1:9092");
        let (id, address) = peer.trim().split_once('@').ok_or_else(wrong)?;
        let id: i32 = id.parse().ok().filter(|id| *id >= 0).ok_or_else(wrong)?;
        address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).ok_or_else(wrong)?;
        if elsewhere.insert(id, address.to_owned()).is_some() {
            return Err(format!("--peers names broker {id} twice"));
        }
    }
    let cluster_id = settings::cluster_id_of(&elsewhere);
    let mine = elsewhere.remove(&id).ok_or_else(|| format!("--peers must name this broker too: there is no {id}@…"))?;
    let listen = listen_address(&mine)?;
    let mut config = ClusterConfig::new(vec![Member::new(id, listen, data.to_owned())], elsewhere);
    config.cluster_id = Some(cluster_id);
    Ok(config)
}

async fn run(args: &ServeArgs, config: ClusterConfig, started: Instant) -> Exit {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return fail(Exit::Failed, format!("cannot listen for Ctrl-C: {error}")),
    };
    let cluster = match Cluster::start(config) {
        Ok(cluster) => cluster,
        Err(error) => return fail(Exit::Failed, error),
    };
    let ready = async {
        cluster.ready(READY_WITHIN).await.map_err(|error| error.to_string())?;
        let (_, first) = cluster.addresses().next().ok_or("there is no broker")?;
        create_topics(first, &args.create).await.map_err(|error| error.to_string())
    };
    let ready = tokio::select! {
        ready = ready => ready,
        () = signals.next() => Err("stopped before it was ready".to_owned()),
    };
    let mut exit = Exit::AllHeld;
    match ready {
        Ok(()) => {
            let brokers = cluster.addresses().count();
            let what = if brokers == 1 { "1 broker".to_owned() } else { format!("{brokers} brokers") };
            let took = started.elapsed().as_secs_f64();
            print(&format!("ready: {what} in {took:.2} s, bootstrap.servers={}\n", cluster.bootstrap()));
            tokio::select! {
                () = signals.next() => {}
                (broker, reason) = cluster.failed() => exit = fail(Exit::Failed, format!("broker {broker} has ended: {reason}")),
            }
        }
        Err(error) => exit = fail(Exit::Failed, error),
    }
    eprintln!("stopping: leaders move, logs are closed; Ctrl-C again ends at once");
    tokio::select! {
        () = cluster.shut_down() => {}
        () = signals.insists() => exit = fail(Exit::Failed, "ended at once: logs were not closed and will be checked at the next start"),
    }
    exit
}

/// Ctrl-C and SIGTERM.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Waits for a second Ctrl-C. SIGTERM is never one: what sends it twice does not mean to lose anything.
    async fn insists(&mut self) {
        let first = Instant::now();
        loop {
            let _ = self.interrupt.recv().await;
            if first.elapsed() >= ONE_PRESS {
                return;
            }
        }
    }
}

fn start_log(filter: Option<&str>) -> Result<(), String> {
    let filter = match filter {
        Some(filter) => EnvFilter::try_new(filter).map_err(|error| format!("--log {filter}: {error}"))?,
        None => EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(std::io::stderr().is_terminal()).with_target(false).init();
    Ok(())
}

fn fail(exit: Exit, message: impl Display) -> Exit {
    eprintln!("error: {message}");
    exit
}

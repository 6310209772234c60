//! Brokers of one process.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use tribunal_core::{BrokerConfig, BrokerInput};
use tribunal_protocol::Str;

use crate::StartError;
use crate::broker::{Running, Setup};
use crate::conn::Limits;
use crate::core::Stage;
use crate::identity::{claim, has_data, mark_lost_disk, names_cluster, random_uuid};

/// Which brokers to run, and where.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// The brokers of this process.
    pub members: Vec<Member>,
    /// Where brokers of other processes listen, by id. All of both vote in the controller quorum.
    pub elsewhere: BTreeMap<i32, String>,
    /// `cluster.id`. None takes that of the folders, or makes one up.
    pub cluster_id: Option<Str>,
    /// Whether voters may start empty though others have the cluster's metadata, even if they are a majority.
    pub allow_empty_voters: bool,
    /// Settings of all brokers; who they are is filled in.
    pub settings: BrokerConfig,
    /// `socket.request.max.bytes`, in bytes.
    pub max_frame: usize,
    /// `connections.max.idle.ms`.
    pub max_idle: Duration,
    /// Has the allocator give memory that is free back to the system. Called on a broker's thread, once a second at
    /// most, when a connection that moved much is gone: an allocator that only looks while it is used would keep it
    /// else.
    pub give_memory_back: fn(),
}

/// A broker of this process.
#[derive(Clone, Debug)]
pub struct Member {
    /// `node.id`.
    pub id: i32,
    /// Where it listens. Port 0 takes any that is free.
    pub listen: SocketAddr,
    /// `advertised.listeners`: the host and port that clients are told, if not where it listens.
    pub advertised: Option<(Str, u16)>,
    /// `broker.rack`.
    pub rack: Option<Str>,
    /// Its log directory.
    pub folder: PathBuf,
}

impl Member {
    /// A broker without a rack, which advertises where it listens.
    pub fn new(id: i32, listen: SocketAddr, folder: PathBuf) -> Member {
        Member { id, listen, advertised: None, rack: None, folder }
    }
}

impl ClusterConfig {
    /// Brokers 1 to `count` that listen on `listen` and the ports after it, each with a folder below `data`.
    pub fn local(count: u16, listen: SocketAddr, data: &Path) -> Result<ClusterConfig, String> {
        let mut members = Vec::new();
        for id in 1..=count {
            let port = match listen.port() {
                0 => 0,
                first => {
                    first.checked_add(id - 1).ok_or_else(|| format!("there are no {count} ports from {first} on"))?
                }
            };
            let listen = SocketAddr::new(listen.ip(), port);
            members.push(Member::new(i32::from(id), listen, data.join(format!("broker-{id}"))));
        }
        Ok(ClusterConfig::new(members, BTreeMap::new()))
    }

    /// These brokers here, and others elsewhere.
    pub fn new(members: Vec<Member>, elsewhere: BTreeMap<i32, String>) -> ClusterConfig {
        ClusterConfig {
            members,
            elsewhere,
            cluster_id: None,
            allow_empty_voters: false,
            settings: crate::settings::defaults(),
            max_frame: tribunal_protocol::frame::MAX_FRAME,
            max_idle: Duration::from_secs(600),
            give_memory_back: || (),
        }
    }
}

/// Brokers that run in this process.
pub struct Cluster {
    brokers: Vec<Running>,
    /// What the brokers of this process advertise, for those that were given something.
    advertised: BTreeMap<i32, (Str, u16)>,
    folders: Vec<PathBuf>,
    /// How many there are here and elsewhere.
    voters: usize,
    cluster_id: Str,
}

impl Cluster {
    /// Starts the brokers. They serve after [`Cluster::ready`].
    pub fn start(config: ClusterConfig) -> Result<Cluster, StartError> {
        let mut cluster_id = config.cluster_id.clone();
        let fresh = Str::from(random_uuid().to_string());
        let mut listeners = Vec::new();
        for member in &config.members {
            let bound = TcpListener::bind(member.listen);
            listeners.push(bound.map_err(|error| StartError::Bind { address: member.listen, error })?);
        }
        let mut addresses = config.elsewhere.clone();
        for (member, listener) in config.members.iter().zip(&listeners) {
            addresses.insert(member.id, listener.local_addr().map_err(StartError::System)?.to_string());
        }
        let voters: Vec<i32> = addresses.keys().copied().collect();
        let advertised =
            config.members.iter().filter_map(|member| Some((member.id, member.advertised.clone()?))).collect();
        let mut setups = Vec::new();
        let folders = config.members.iter().map(|member| member.folder.clone()).collect();
        let with_data = members_with_data(&config, voters.len())?;
        // The first folder that names a cluster says which one the others must be of.
        let mut in_order: Vec<&Member> = config.members.iter().collect();
        in_order.sort_by_key(|member| !names_cluster(&member.folder));
        let mut identities = BTreeMap::new();
        for member in in_order {
            let identity = claim(&member.folder, member.id, cluster_id.as_ref(), &fresh)?;
            cluster_id.get_or_insert_with(|| identity.cluster_id.clone());
            identities.insert(member.id, identity);
        }
        for (member, listener) in config.members.into_iter().zip(listeners) {
            let identity = identities.remove(&member.id).expect("every member's folder is claimed");
            let lost_disk = !with_data.is_empty() && !with_data.contains(&member.id) && !config.allow_empty_voters;
            mark_lost_disk(&member.folder, lost_disk)
                .map_err(|error| StartError::Folder { folder: member.folder.clone(), error })?;
            let address = listener.local_addr().map_err(StartError::System)?;
            let cfg = BrokerConfig {
                node_id: member.id,
                cluster_id: identity.cluster_id,
                voters: voters.clone(),
                lost_disk,
                advertised: member.advertised.unwrap_or_else(|| (advertised_host(address), address.port())),
                rack: member.rack,
                log_dir: Str::from(member.folder.display().to_string()),
                directory: identity.directory,
                incarnation: random_uuid(),
                ..config.settings.clone()
            };
            let mut peers = addresses.clone();
            peers.remove(&member.id);
            let limits = Limits { max_frame: config.max_frame, idle: config.max_idle };
            setups.push(Setup {
                cfg,
                folder: member.folder,
                lock: identity.lock,
                listener,
                peers,
                limits,
                give_memory_back: config.give_memory_back,
            });
        }
        let mut brokers = Vec::new();
        for setup in setups {
            brokers.push(Running::start(setup)?);
        }
        Ok(Cluster { brokers, advertised, folders, voters: voters.len(), cluster_id: cluster_id.unwrap_or(fresh) })
    }

    /// `cluster.id`.
    pub fn cluster_id(&self) -> &Str {
        &self.cluster_id
    }

    /// Where the brokers of this process listen, by id.
    pub fn addresses(&self) -> impl Iterator<Item = (i32, SocketAddr)> {
        self.brokers.iter().map(|broker| (broker.id, broker.address))
    }

    /// What a client is to be given: `host:port,host:port`.
    pub fn bootstrap(&self) -> String {
        let address = |(id, address): (i32, SocketAddr)| match self.advertised.get(&id) {
            Some((host, port)) if host.contains(':') => format!("[{host}]:{port}"),
            Some((host, port)) => format!("{host}:{port}"),
            None => address.to_string(),
        };
        let addresses: Vec<String> = self.addresses().map(address).collect();
        addresses.join(",")
    }

    /// Waits until every broker here serves; if no others are elsewhere, until all know of each other.
    pub async fn ready(&self, within: Duration) -> Result<(), StartError> {
        let enough = if self.brokers.len() > 1 { Stage::Together } else { Stage::Serving };
        let waited = async {
            for broker in &self.brokers {
                let (mut stage, mut ended) = (broker.stage.clone(), broker.ended.clone());
                tokio::select! {
                    _ = stage.wait_for(|stage| *stage >= enough) => {}
                    _ = ended.wait_for(Option::is_some) => {}
                }
                if let Some(reason) = broker.ended.borrow().clone() {
                    return Err(StartError::Ended { broker: broker.id, reason });
                }
            }
            Ok(())
        };
        match tokio::time::timeout(within, waited).await {
            Ok(ready) => {
                ready?;
                // A broker that serves has fetched the metadata.
                for folder in &self.folders {
                    mark_lost_disk(folder, false)
                        .map_err(|error| StartError::Folder { folder: folder.clone(), error })?;
                }
                Ok(())
            }
            Err(_) => Err(StartError::NotReady { seconds: within.as_secs() }),
        }
    }

    /// Waits until a broker ends that nobody has asked to, and says which and why.
    pub async fn failed(&self) -> (i32, String) {
        let mut all = tokio::task::JoinSet::new();
        for broker in &self.brokers {
            let (id, mut ended) = (broker.id, broker.ended.clone());
            all.spawn(async move {
                let reason = ended.wait_for(Option::is_some).await;
                (id, reason.ok().and_then(|reason| reason.clone()).unwrap_or_default())
            });
        }
        match all.join_next().await {
            Some(Ok(ended)) => ended,
            _ => std::future::pending().await,
        }
    }

    /// Asks every broker to move its leaders and to end, one after the other so that the quorum can decide as long as
    /// there is one. Those that are left without only close their logs. Waits until all have ended.
    pub async fn shut_down(self) {
        let alive = self.voters;
        self.stop(alive).await;
    }

    /// Closes the logs of every broker and ends them, without moving leaders: for when the brokers elsewhere are gone.
    pub async fn shut_down_now(self) {
        self.stop(0).await;
    }

    /// `alive` is how many voters there are to decide who takes over.
    async fn stop(mut self, mut alive: usize) {
        while !self.brokers.is_empty() {
            // The active controller ends last: each election in between would cost time.
            let controls = |broker: &Running| broker.controls.load(Ordering::Relaxed);
            let next = self.brokers.iter().position(|broker| !controls(broker)).unwrap_or(0);
            let broker = self.brokers.remove(next);
            let quorum = alive > 1 && alive > self.voters / 2;
            broker.tell(if quorum { BrokerInput::Shutdown } else { BrokerInput::Close });
            let mut ended = broker.ended.clone();
            let _ = ended.wait_for(Option::is_some).await;
            let id = broker.id;
            let reason = broker.join();
            tracing::info!(broker = id, reason, "ended");
            alive = alive.saturating_sub(1);
        }
    }
}

/// The brokers here whose folders have a cluster's metadata. Refuses a start in which most voters have lost theirs, before
/// anything is written.
fn members_with_data(config: &ClusterConfig, voters: usize) -> Result<Vec<i32>, StartError> {
    let (kept, new): (Vec<&Member>, Vec<&Member>) = config.members.iter().partition(|member| has_data(&member.folder));
    match kept.first() {
        Some(kept) if new.len() > voters / 2 && !config.allow_empty_voters => Err(StartError::MajorityLost {
            new: new.iter().map(|member| member.id).collect(),
            kept: kept.folder.clone(),
        }),
        _ => Ok(kept.iter().map(|member| member.id).collect()),
    }
}

/// What clients are told to connect to. A listener on every address cannot say which of them a client can reach.
fn advertised_host(address: SocketAddr) -> Str {
    match address.ip() {
        ip if ip.is_unspecified() => Str::from_static("localhost"),
        ip => Str::from(ip.to_string()),
    }
}

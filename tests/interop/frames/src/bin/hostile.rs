//! Sends bad frames to a live server: it must not end, not grow, and serve its other connections as before.
//!
//! A million that are mutated or random, then some that announce much and never end. Of the million a frame counts once
//! the server has made something of it: an answer, an end of the connection, or a silence that lasts.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use clap::Parser;
use tribunal_frames::{Connection, Outcome};
use tribunal_protocol::messages::MetadataRequest;
use tribunal_protocol::{ApiKey, RequestBody, Sampler, encode_request};

/// Connections that send bad frames at the same time. Most wait: for a fetch that was asked to wait, or for the rest of
/// a frame.
const SENDERS: u64 = 12;
/// How long an answer is waited for. A request may ask for longer, and a frame that is cut gets none.
const ANSWERED_WITHIN: Duration = Duration::from_millis(4);
/// How long a well-behaved client's request may take among all this.
const SERVED_WITHIN: Duration = Duration::from_secs(5);
/// How long a server may keep memory for connections that are gone.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(5);
/// Connections that announce a long frame, how long they say it is, and how much of it they send, in bytes.
const HOARDERS: usize = 8;
const ANNOUNCED: u32 = 96 << 20;
const HOARDED: usize = 90 << 20;

/// Sends mutated and random frames, and watches the server
#[derive(Debug, Parser)]
struct Args {
    /// The server
    #[arg(long, value_name = "HOST:PORT")]
    server: SocketAddr,
    /// Its process, whose memory is watched
    #[arg(long, value_name = "PID")]
    pid: u32,
    /// How many frames
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    frames: u64,
    /// The most resident memory it may ever have had under bad frames, and keep after long ones, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    memory: u64,
    /// The same under frames that are long and never end
    #[arg(long, value_name = "MIB", default_value_t = 576)]
    hoard_memory: u64,
    /// What is random
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    match judge(&Args::parse()) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn judge(args: &Args) -> Result<String, String> {
    let started = Instant::now();
    forget_peak(args.pid)?;
    let tally = Tally::default();
    let stop = AtomicBool::new(false);
    let (served, peak) = thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (tally, stop) = (&tally, &stop);
            scope.spawn(move || attack(args, Sampler::new(args.seed << 8 | sender), tally, stop));
        }
        let watched = watch(args, &tally);
        stop.store(true, Ordering::Relaxed);
        watched
    })?;
    let [answered, closed, silent] = [&tally.answered, &tally.closed, &tally.silent].map(read);
    // A server that closed whatever came, or answered all of it, would not have been tried.
    for (what, count) in [("answered", answered), ("closed", closed)] {
        if count < args.frames / 100 {
            return Err(format!("only {count} of {} frames were {what}: nothing was tried", args.frames));
        }
    }
    println!(
        "{} bad frames in {:.0} s: {answered} answered, {closed} closed their connection, {silent} were waited with; \
         the server lives, took at most {peak} MiB, and served {served} requests of another connection meanwhile, each \
         within {} s",
        tally.all(),
        started.elapsed().as_secs_f64(),
        SERVED_WITHIN.as_secs()
    );
    let hoarded = hoard(args)?;
    Ok(format!(
        "{HOARDERS} frames of {} MiB that do not end: {} connections were closed, the server took at most {} MiB, and {} \
         MiB {:.1} s after the others were gone",
        ANNOUNCED >> 20,
        hoarded.refused,
        hoarded.peak,
        hoarded.held,
        hoarded.given_back_in.as_secs_f64()
    ))
}

/// What became of the frames.
#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    closed: AtomicU64,
    silent: AtomicU64,
}

impl Tally {
    fn all(&self) -> u64 {
        [&self.answered, &self.closed, &self.silent].map(read).iter().sum()
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// What came of frames that are long and never end.
struct Hoarded {
    refused: usize,
    peak: u64,
    /// Resident memory, in MiB, this long after the connections were gone.
    held: u64,
    given_back_in: Duration,
}

/// Sends much of long frames and leaves them so: the server must hold them together below its bound, not each.
fn hoard(args: &Args) -> Result<Hoarded, String> {
    forget_peak(args.pid)?;
    let mut bystander = Bystander::new(args.server)?;
    let part = vec![0; 1 << 20];
    let (mut refused, mut open) = (0, Vec::new());
    for _ in 0..HOARDERS {
        let mut stream = TcpStream::connect(args.server).map_err(|error| format!("cannot connect: {error}"))?;
        let limited = stream.set_write_timeout(Some(SERVED_WITHIN));
        limited.map_err(|error| error.to_string())?;
        let mut sent = stream.write_all(&ANNOUNCED.to_be_bytes());
        for _ in 0..HOARDED / part.len() {
            sent = sent.and_then(|()| stream.write_all(&part));
        }
        refused += usize::from(sent.is_err());
        open.push(stream);
        bystander.ask()?;
    }
    let peak = peak_mib(args.pid)?;
    if peak > args.hoard_memory {
        return Err(format!("the server took {peak} MiB for frames that do not end, above {}", args.hoard_memory));
    }
    if refused == 0 {
        return Err("every frame that does not end is held: nothing bounds them".to_owned());
    }
    drop(open);
    let gone = Instant::now();
    loop {
        bystander.ask()?;
        let held = memory_mib(args.pid, "VmRSS:")?;
        if held <= args.memory {
            return Ok(Hoarded { refused, peak, held, given_back_in: gone.elapsed() });
        }
        if gone.elapsed() > GIVEN_BACK_WITHIN {
            return Err(format!("the server keeps {held} MiB, above {}, for connections that are gone", args.memory));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// A client that behaves.
struct Bystander {
    connection: Connection,
    request: bytes::Bytes,
    served: u64,
}

impl Bystander {
    fn new(server: SocketAddr) -> Result<Bystander, String> {
        let body: RequestBody = MetadataRequest { topics: Some(Vec::new()), ..Default::default() }.into();
        let request = encode_request(1, None, 12, &body).map_err(|error| error.to_string())?;
        Ok(Bystander { connection: Connection::new(server, SERVED_WITHIN), request, served: 0 })
    }

    /// A request that must be served.
    fn ask(&mut self) -> Result<(), String> {
        let served = self.served;
        match self.connection.exchange(&self.request) {
            Ok(Outcome::Answer(_)) => self.served += 1,
            Ok(other) => return Err(format!("a well-behaved connection got {other:?} after {served} answers")),
            Err(error) => return Err(format!("a well-behaved connection failed after {served} answers: {error}")),
        }
        Ok(())
    }
}

/// A well-behaved client, until enough was sent. How many requests it was served, and the server's peak memory in MiB.
fn watch(args: &Args, tally: &Tally) -> Result<(u64, u64), String> {
    let mut bystander = Bystander::new(args.server)?;
    loop {
        let enough = tally.all() >= args.frames;
        bystander.ask()?;
        let peak = peak_mib(args.pid)?;
        if peak > args.memory {
            return Err(format!("the server took {peak} MiB, above {}, by {} frames", args.memory, tally.all()));
        }
        if enough {
            return Ok((bystander.served, peak));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The most resident memory of a process since its peak was forgotten, in MiB.
fn peak_mib(pid: u32) -> Result<u64, String> {
    memory_mib(pid, "VmHWM:")
}

/// A line of a process's status, in MiB.
fn memory_mib(pid: u32, name: &str) -> Result<u64, String> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).map_err(|error| format!("the server has ended: {path}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| kib.div_ceil(1024)).ok_or_else(|| "the server has ended: it has no memory".to_owned())
}

/// Lets the kernel count a process's peak memory anew.
fn forget_peak(pid: u32) -> Result<(), String> {
    let path = format!("/proc/{pid}/clear_refs");
    std::fs::write(&path, "5").map_err(|error| format!("{path}: {error}"))
}

/// Sends frames, each on the connection of the last one as long as that lives.
fn attack(args: &Args, mut g: Sampler, tally: &Tally, stop: &AtomicBool) {
    let mut connection = Connection::new(args.server, SERVED_WITHIN);
    while !stop.load(Ordering::Relaxed) {
        let counter = match connection.exchange_within(&frame(&mut g), ANSWERED_WITHIN) {
            Ok(Outcome::Answer(_)) => &tally.answered,
            Ok(Outcome::Closed) => &tally.closed,
            Ok(Outcome::Silent) => &tally.silent,
            Err(_) => {
                // There is no connection to be had just now.
                thread::sleep(Duration::from_millis(1));
                continue;
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// A frame of one of the kinds that go wrong.
fn frame(g: &mut Sampler) -> BytesMut {
    let api = ApiKey::ALL[g.below(ApiKey::ALL.len())];
    let range = api.versions();
    let version = range.min + g.below((range.max - range.min + 1) as usize) as i16;
    let body = RequestBody::sample(api, version, g);
    let valid = encode_request(g.i32(), None, version, &body).map(BytesMut::from).unwrap_or_default();
    let mut frame = valid;
    match g.below(8) {
        // Chance's bytes behind a true length.
        0 => {
            let bytes = g.bytes();
            frame.clear();
            frame.put_u32(bytes.len() as u32);
            frame.put_slice(&bytes);
        }
        // A length that lies, mostly upwards.
        1 => frame.splice(0, &g.u32().to_be_bytes()),
        // Cut, so that the next frame is taken for its end.
        2 => frame.truncate(g.below(frame.len() + 1)),
        // As it was: random values are mostly wrong by themselves.
        3 => {}
        // One to four bytes changed.
        _ => {
            for _ in 0..=g.below(4) {
                // Behind the length: the header and the body are what is to be judged.
                if frame.len() > 4 {
                    let at = 4 + g.below(frame.len() - 4);
                    frame[at] = g.bits() as u8;
                }
            }
        }
    }
    frame
}

/// Overwrites bytes in place, as far as there are any.
trait Splice {
    fn splice(&mut self, at: usize, bytes: &[u8]);
}

impl Splice for BytesMut {
    fn splice(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}

//! Sends bad frames to a live server: it must not end, not grow, and serve its other connections as before.

use std::io::{ErrorKind, Read, Write};
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

/// Connections that send bad frames at the same time.
const SENDERS: u64 = 4;
/// Frames on one connection before it is given up, whatever the server made of it.
const FRAMES_EACH: u64 = 64;
/// How long a full socket is waited for: the server may be busy with a request that it was asked to be slow with.
const WRITE_PATIENCE: Duration = Duration::from_millis(5);
/// How long a well-behaved client's request may take among all this.
const SERVED_WITHIN: Duration = Duration::from_secs(5);

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
    /// The most resident memory it may have at any time, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    memory: u64,
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
    let sent = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let (served, peak) = thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (sent, stop) = (&sent, &stop);
            scope.spawn(move || attack(args, Sampler::new(args.seed << 8 | sender), sent, stop));
        }
        let watched = watch(args, &sent);
        stop.store(true, Ordering::Relaxed);
        watched
    })?;
    Ok(format!(
        "{} bad frames in {:.0} s: the server lives, took at most {peak} MiB, and served {served} requests of another \
         connection meanwhile, each within {} s",
        sent.load(Ordering::Relaxed),
        started.elapsed().as_secs_f64(),
        SERVED_WITHIN.as_secs()
    ))
}

/// A well-behaved client, until enough was sent. How many requests it was served, and the server's peak memory in MiB.
fn watch(args: &Args, sent: &AtomicU64) -> Result<(u64, u64), String> {
    let body: RequestBody = MetadataRequest { topics: Some(Vec::new()), ..Default::default() }.into();
    let request = encode_request(1, None, 12, &body).map_err(|error| error.to_string())?;
    let mut connection = Connection::new(args.server, SERVED_WITHIN);
    let (mut served, mut peak) = (0, 0);
    loop {
        let enough = sent.load(Ordering::Relaxed) >= args.frames;
        match connection.exchange(&request) {
            Ok(Outcome::Answer(_)) => served += 1,
            Ok(other) => return Err(format!("a well-behaved connection got {other:?} after {served} answers")),
            Err(error) => return Err(format!("a well-behaved connection failed after {served} answers: {error}")),
        }
        peak = peak.max(resident_mib(args.pid)?);
        if peak > args.memory {
            let sent = sent.load(Ordering::Relaxed);
            return Err(format!("the server has {peak} MiB, above {}, after {sent} frames", args.memory));
        }
        if enough {
            return Ok((served, peak));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn resident_mib(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).map_err(|error| format!("the server has ended: {path}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| kib / 1024).ok_or_else(|| "the server has ended: it has no memory".to_owned())
}

/// Sends frames, a few on each connection, and reads what comes without caring for it.
fn attack(args: &Args, mut g: Sampler, sent: &AtomicU64, stop: &AtomicBool) {
    let mut sink = vec![0; 64 << 10];
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(args.server) else {
            thread::sleep(Duration::from_millis(1));
            continue;
        };
        let bounded = stream
            .set_write_timeout(Some(WRITE_PATIENCE))
            .and_then(|()| stream.set_read_timeout(Some(Duration::from_millis(1))));
        if bounded.is_err() {
            continue;
        }
        for _ in 0..FRAMES_EACH {
            let frame = frame(&mut g);
            if stream.write_all(&frame).is_err() {
                break;
            }
            sent.fetch_add(1, Ordering::Relaxed);
            // Some read late or never: what the server keeps for them must be bounded as well.
            if g.below(4) == 0 {
                match stream.read(&mut sink) {
                    Ok(0) => break,
                    Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                    _ => {}
                }
            }
        }
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

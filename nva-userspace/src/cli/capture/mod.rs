//! `nva capture`: what XDP sees, as lines or as a pcapng file.
//!
//! The daemon lets the program run and hands over the ring; this process reads it, by itself. What it cannot keep up with is
//! counted, and told at the end.

mod line;
mod pcapng;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::time::{ClockId, clock_gettime};
use nva_common::Reason;
use nva_common::capture::CaptureHeader;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};

use super::args::CaptureArgs;
use crate::control::{CaptureEnd, CaptureReply, CaptureRequest, RunningCapture};
use crate::xdp::CaptureRing;
use pcapng::PcapNg;

/// Packets that are taken before everything else gets its turn, and written before they are shown.
const TURN: usize = 1024;

/// A clock that is set differs by more than this from what it would show otherwise.
const STEP: Duration = Duration::from_millis(1);

/// Captures until the number or the time is reached, or until SIGINT or SIGTERM.
pub fn capture(socket: &Path, args: CaptureArgs) -> anyhow::Result<()> {
    let to_standard_output = args.write.as_deref() == Some(Path::new("-"));
    if to_standard_output && io::stdout().is_terminal() {
        bail!("standard output is a terminal: pipe it into something that reads pcapng, or leave out --write");
    }
    let (running, ring) = RunningCapture::begin(socket, &request(&args))?;
    let ring = CaptureRing::open(ring)?;
    let sink = Sink::open(args.write.as_deref(), &running.reply)?;
    let names = Named::of_reply(&running.reply);
    let mut reader = Reader { sink, names, clock: Clock::read()?, left: args.count, taken: 0 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (ring, stopped) = runtime.block_on(reader.run(ring, running.connection()?, args.duration));
    if stopped? == Stopped::DaemonGone {
        reader.rest(ring)?;
        bail!("the daemon has ended, and the capture with it: {} packets were captured until then", reader.taken);
    }
    // A reader that is gone has said enough by SIGPIPE; a full disk is an error.
    let end = running.end()?;
    reader.rest(ring)?;
    reader.finish(&end)
}

fn request(args: &CaptureArgs) -> CaptureRequest {
    CaptureRequest {
        interfaces: args.interface.clone(),
        verdicts: args.verdict.iter().map(|verdict| verdict.name().to_owned()).collect(),
        reasons: args.reason.clone(),
        prefix: args.prefix.clone(),
        source: args.source.clone(),
        destination: args.destination.clone(),
        rate: Some(args.rate),
        snap_length: Some(args.snaplen),
    }
}

/// Why no more packets are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    /// There are enough, or it was asked to.
    AsWished,
    /// The daemon went.
    DaemonGone,
}

struct Reader {
    sink: Sink,
    names: Named,
    clock: Clock,
    /// How many more are wanted; `None`: all.
    left: Option<u64>,
    taken: u64,
}

impl Reader {
    /// Reads until there is a reason to stop; gives the ring back for what is left in it.
    async fn run(
        &mut self,
        ring: CaptureRing,
        connection: std::os::unix::net::UnixStream,
        duration: Option<u64>,
    ) -> (Option<CaptureRing>, io::Result<Stopped>) {
        // SAFETY: the ring owns its descriptor, and has the same one for as long as it lives.
        let mut ring = match unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) } {
            Ok(ring) => ring,
            Err(error) => return (None, Err(error.into())),
        };
        let stopped = self.read(&mut ring, connection, duration).await;
        (Some(ring.into_inner()), stopped)
    }

    async fn read(
        &mut self,
        ring: &mut AsyncFd<CaptureRing>,
        connection: std::os::unix::net::UnixStream,
        duration: Option<u64>,
    ) -> io::Result<Stopped> {
        connection.set_nonblocking(true)?;
        let connection = UnixStream::from_std(connection)?;
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let over = async {
            match duration {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
        };
        let mut over = std::pin::pin!(over);
        while self.left != Some(0) {
            tokio::select! {
                ready = ring.readable_mut() => {
                    let mut ready = ready?;
                    if self.turn(ready.get_inner_mut())? < TURN {
                        ready.clear_ready();
                    }
                }
                // It says nothing until we end.
                gone = connection.readable() => return gone.map(|()| Stopped::DaemonGone),
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                () = &mut over => break,
            }
        }
        Ok(Stopped::AsWished)
    }

    /// Takes what is there, but not for ever; says how many packets that were.
    fn turn(&mut self, ring: &mut CaptureRing) -> io::Result<usize> {
        self.clock.adjust()?;
        let mut packets = 0;
        while packets < TURN && self.left != Some(0) {
            let (sink, names, clock) = (&mut self.sink, &self.names, &self.clock);
            match ring.next(|header, frame| sink.packet(clock.time_of(&header), &header, frame, names)) {
                Some(written) => written?,
                None => break,
            }
            packets += 1;
            self.taken += 1;
            self.left = self.left.map(|left| left - 1);
        }
        self.sink.flush()?;
        Ok(packets)
    }

    /// Takes what is left in the ring, into which nothing comes any more.
    fn rest(&mut self, ring: Option<CaptureRing>) -> io::Result<()> {
        let Some(mut ring) = ring else { return Ok(()) };
        // What a dead daemon's program still copies is no part of the capture: one ring's worth is the end.
        for _ in 0..TURN {
            if self.turn(&mut ring)? < TURN {
                break;
            }
        }
        Ok(())
    }

    fn finish(mut self, end: &CaptureEnd) -> anyhow::Result<()> {
        let now = self.clock.now()?;
        self.sink.finish(end, now)?;
        let sum = |of: fn(&crate::control::CaptureTotals) -> u64| end.interfaces.iter().map(of).sum::<u64>();
        let (seen, matched, limited, lost) =
            (sum(|one| one.seen), sum(|one| one.matched), sum(|one| one.limited), sum(|one| one.lost));
        eprintln!("{} packets captured of {matched} that fit and {seen} that came", self.taken);
        if limited > 0 {
            eprintln!("{limited} packets were kept out by the rate limit (--rate)");
        }
        if lost > 0 {
            eprintln!("{lost} packets were lost: they came faster than this command could take them");
        }
        Ok(())
    }
}

/// Where packets go.
enum Sink {
    Lines(BufWriter<io::Stdout>),
    File(Box<PcapNg<BufWriter<Box<dyn Write>>>>),
}

impl Sink {
    fn open(path: Option<&Path>, reply: &CaptureReply) -> anyhow::Result<Sink> {
        let Some(path) = path else { return Ok(Sink::Lines(BufWriter::new(io::stdout()))) };
        let writer: Box<dyn Write> = match path.to_str() {
            Some("-") => Box::new(io::stdout()),
            _ => Box::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?),
        };
        let mut file = PcapNg::new(BufWriter::new(writer), reply, realtime()?)?;
        // Whoever waits for the file sees that the capture has begun.
        file.flush()?;
        Ok(Sink::File(Box::new(file)))
    }

    fn packet(&mut self, time: Duration, header: &CaptureHeader, frame: &[u8], names: &Named) -> io::Result<()> {
        match self {
            Sink::Lines(output) => writeln!(output, "{}", line::line(time, header, frame, names)),
            Sink::File(file) => file.packet(time, header, frame, names),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Lines(output) => output.flush(),
            Sink::File(file) => file.flush(),
        }
    }

    fn finish(&mut self, end: &CaptureEnd, now: Duration) -> io::Result<()> {
        if let Sink::File(file) = self {
            end.interfaces.iter().try_for_each(|totals| file.statistics(totals, now))?;
        }
        self.flush()
    }
}

/// The names of interfaces.
struct Named(Vec<(u32, String)>);

impl Named {
    fn of_reply(reply: &CaptureReply) -> Named {
        Named(reply.interfaces.iter().map(|interface| (interface.index, interface.name.clone())).collect())
    }

    fn of(&self, index: u32) -> String {
        let named = self.0.iter().find(|(known, _)| *known == index);
        named.map_or_else(|| format!("#{index}"), |(_, name)| name.clone())
    }
}

/// Programs tell the time since the start of the machine.
struct Clock {
    /// When that was, since 1970.
    start: Duration,
}

impl Clock {
    fn read() -> io::Result<Clock> {
        Ok(Clock { start: started()? })
    }

    /// Follows a clock that was set, but not how it trembles: packets would change places.
    fn adjust(&mut self) -> io::Result<()> {
        let start = started()?;
        if start.abs_diff(self.start) > STEP {
            self.start = start;
        }
        Ok(())
    }

    fn time_of(&self, header: &CaptureHeader) -> Duration {
        self.start + Duration::from_nanos(header.time)
    }

    fn now(&self) -> io::Result<Duration> {
        Ok(self.start + Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?))
    }
}

fn started() -> io::Result<Duration> {
    Ok(realtime()?.saturating_sub(clock_gettime(ClockId::CLOCK_MONOTONIC)?.into()))
}

fn realtime() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_REALTIME)?.into())
}

/// A packet's reason, if this version knows it.
fn reason(header: &CaptureHeader) -> Option<Reason> {
    Reason::from_number(header.reason)
}

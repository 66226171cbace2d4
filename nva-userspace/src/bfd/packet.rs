//! The control packet (RFC 5880 §4.1): octets to fields and back.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use super::discard::Discard;
use super::state::{Diagnostic, State};

/// The octets of a control packet without an authentication section.
pub const CONTROL_LEN: usize = 24;

/// The least octets of one with an authentication section (RFC 5880 §6.8.6).
const AUTHENTICATED_LEN: usize = 26;

const VERSION: u8 = 1;

const POLL: u8 = 0x20;
const FINAL: u8 = 0x10;
const CONTROL_PLANE_INDEPENDENT: u8 = 0x08;
const AUTHENTICATION: u8 = 0x04;
const DEMAND: u8 = 0x02;
const MULTIPOINT: u8 = 0x01;

/// The number under which a system knows a session: unique there, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Discriminator(pub NonZeroU32);

impl fmt::Display for Discriminator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A control packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlPacket {
    /// Why the sender's session changed its state last.
    pub diagnostic: Diagnostic,
    /// The state of the sender's session.
    pub state: State,
    /// P: an answer with F is wanted.
    pub poll: bool,
    /// F: the answer to a packet with P.
    pub is_final: bool,
    /// C: the sender's BFD does not end with its control plane.
    pub control_plane_independent: bool,
    /// A: an authentication section follows; what is in it is not read.
    pub authenticated: bool,
    /// D: the sender wants to be sent nothing periodically while the session is up.
    pub demand: bool,
    /// Detect Mult: after how many of the sender's intervals without a packet the receiver gives it up. Never 0.
    pub multiplier: u8,
    /// My Discriminator: the sender's.
    pub my_discriminator: Discriminator,
    /// Your Discriminator: the receiver's, once the sender knows it.
    pub your_discriminator: Option<Discriminator>,
    /// The interval at which the sender would like to send. On the wire all intervals are µs in 32 bits.
    pub desired_min_tx: Duration,
    /// The interval at which the sender can receive; 0: it wants to be sent nothing periodically.
    pub required_min_rx: Duration,
    /// The same for Echo packets; 0: it does not loop any back.
    pub required_min_echo_rx: Duration,
}

impl ControlPacket {
    /// Reads a datagram, as far as it can be judged by itself (RFC 5880 §6.8.6). Octets after what its Length field
    /// covers are not looked at.
    pub fn decode(datagram: &[u8]) -> Result<ControlPacket, Discard> {
        let [first, flags, multiplier, length, ..] = *datagram else { return Err(Discard::Truncated) };
        if first >> 5 != VERSION {
            return Err(Discard::Version);
        }
        let authenticated = flags & AUTHENTICATION != 0;
        let length = usize::from(length);
        if length < if authenticated { AUTHENTICATED_LEN } else { CONTROL_LEN } {
            return Err(Discard::Length);
        }
        let packet = datagram.get(..length).ok_or(Discard::Truncated)?;
        let [my, your, tx, rx, echo] = words(packet).ok_or(Discard::Truncated)?;
        if multiplier == 0 {
            return Err(Discard::ZeroMultiplier);
        }
        if flags & MULTIPOINT != 0 {
            return Err(Discard::Multipoint);
        }
        Ok(ControlPacket {
            diagnostic: Diagnostic::from_code(first & 0x1f),
            state: state(flags >> 6),
            poll: flags & POLL != 0,
            is_final: flags & FINAL != 0,
            control_plane_independent: flags & CONTROL_PLANE_INDEPENDENT != 0,
            authenticated,
            demand: flags & DEMAND != 0,
            multiplier,
            my_discriminator: NonZeroU32::new(my).map(Discriminator).ok_or(Discard::ZeroDiscriminator)?,
            your_discriminator: NonZeroU32::new(your).map(Discriminator),
            desired_min_tx: Duration::from_micros(tx.into()),
            required_min_rx: Duration::from_micros(rx.into()),
            required_min_echo_rx: Duration::from_micros(echo.into()),
        })
    }

    /// The octets; never with an authentication section.
    pub fn encode(&self) -> [u8; CONTROL_LEN] {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = self.state.code() << 6
            | flag(self.poll, POLL)
            | flag(self.is_final, FINAL)
            | flag(self.control_plane_independent, CONTROL_PLANE_INDEPENDENT)
            | flag(self.demand, DEMAND);
        let mut octets = [0; CONTROL_LEN];
        let head = [VERSION << 5 | self.diagnostic.code() & 0x1f, flags, self.multiplier, CONTROL_LEN as u8];
        let words = [
            self.my_discriminator.0.get(),
            self.your_discriminator.map_or(0, |your| your.0.get()),
            micros(self.desired_min_tx),
            micros(self.required_min_rx),
            micros(self.required_min_echo_rx),
        ];
        let all = head.into_iter().chain(words.into_iter().flat_map(u32::to_be_bytes));
        octets.iter_mut().zip(all).for_each(|(octet, value)| *octet = value);
        octets
    }
}

/// The five words behind the first one.
fn words(packet: &[u8]) -> Option<[u32; 5]> {
    let (words, _) = packet.get(4..)?.as_chunks::<4>();
    let mut read = [0; 5];
    for (value, octets) in read.iter_mut().zip(words.get(..5)?) {
        *value = u32::from_be_bytes(*octets);
    }
    Some(read)
}

/// Two bits: every value is a state.
fn state(bits: u8) -> State {
    match bits & 3 {
        0 => State::AdminDown,
        1 => State::Down,
        2 => State::Init,
        _ => State::Up,
    }
}

fn micros(interval: Duration) -> u32 {
    u32::try_from(interval.as_micros()).unwrap_or(u32::MAX)
}

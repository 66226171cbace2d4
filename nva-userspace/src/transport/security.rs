//! What tells a peer's segments from a stranger's: their TCP MD5 signature (RFC 2385), and their TTL (RFC 5082).

use std::ffi::{c_int, c_void};
use std::fmt;
use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use socket2::{SockAddr, SockAddrStorage, SockRef, Socket};
use thiserror::Error;
use tokio::net::TcpStream;

use crate::net::Prefix;

/// How our segments' TTL is set, and which TTL a peer's segments must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// Ours have this one: 1 reaches the connected subnet and no further. The peer's may have any.
    Limited(u8),
    /// GTSM (RFC 5082 §3): ours have 255, and the peer's at least this one; whoever is further away cannot send such.
    /// A listening socket cannot know yet whose TTL to look at, so its connections are asked for that of their first segment
    /// ([`Ttl::admits`]), and are held to it from then on.
    AtLeast(u8),
}

impl Ttl {
    /// What our segments are sent with.
    fn outgoing(self) -> u8 {
        match self {
            Ttl::Limited(ttl) => ttl,
            Ttl::AtLeast(_) => u8::MAX,
        }
    }

    /// What the peer's segments have at least; 0 asks for nothing.
    fn least(self) -> u8 {
        match self {
            Ttl::Limited(_) => 0,
            Ttl::AtLeast(least) => least,
        }
    }

    /// Whether a connection may be taken whose first segment had this TTL when it arrived. One that the kernel has not
    /// kept (it answered a flood by cookies) is not held against anybody: the following ones are looked at, too.
    pub fn admits(self, first: Option<u8>) -> bool {
        first.is_none_or(|ttl| ttl >= self.least())
    }

    /// Puts it into force for a socket that talks to this address.
    pub(super) fn apply(self, socket: &SockRef<'_>, remote: IpAddr) -> io::Result<()> {
        let (ttl, least) = (u32::from(self.outgoing()), c_int::from(self.least()));
        if remote.is_ipv4() {
            socket.set_ttl_v4(ttl)?;
            set_option(socket, libc::IPPROTO_IP, libc::IP_MINTTL, &least)
        } else {
            socket.set_unicast_hops_v6(ttl)?;
            set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT, &least)
        }
    }
}

/// Lets a listening socket keep the first segment of each connection until [`first_ttl`] asks for it.
pub(super) fn keep_first_segments(socket: &SockRef<'_>) -> io::Result<()> {
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_SAVE_SYN, &1)
}

/// Octets of an IP header up to the TTL, or the hop limit.
const HEADER_WITH_TTL: usize = 9;

/// The TTL that the first segment of an accepted connection arrived with; `None` if the kernel has not kept it. What it has
/// kept it forgets with this.
pub fn first_ttl(stream: &TcpStream) -> Option<u8> {
    let mut header = [0_u8; 128];
    let mut length = libc::socklen_t::try_from(header.len()).ok()?;
    let octets: *mut c_void = header.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `length` octets, which is all of the buffer, and says how many they were.
    let result = unsafe {
        libc::getsockopt(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_SAVED_SYN, octets, &raw mut length)
    };
    let kept = usize::try_from(length).ok()?;
    if result != 0 || kept < HEADER_WITH_TTL {
        return None;
    }
    let [version, .., hop_limit, ttl] = *header.first_chunk::<HEADER_WITH_TTL>()?;
    match version >> 4 {
        4 => Some(ttl),
        6 => Some(hop_limit),
        _ => None,
    }
}

/// The secret that a peer and we sign segments with.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Arc<[u8]>);

/// Why a text cannot be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PasswordError {
    /// It has no characters.
    #[error("the password is empty")]
    Empty,
    /// It is longer than the kernel takes.
    #[error("the password has {length} octets: TCP MD5 takes {} at most", Password::MAX)]
    TooLong {
        /// Its length in octets.
        length: usize,
    },
}

impl Password {
    /// The longest, in octets: RFC 2385 §4.5 asks for up to 80, and Linux takes no more.
    pub const MAX: usize = libc::TCP_MD5SIG_MAXKEYLEN;

    /// A password of these octets.
    pub fn new(text: &str) -> Result<Password, PasswordError> {
        match text.len() {
            0 => Err(PasswordError::Empty),
            length if length > Password::MAX => Err(PasswordError::TooLong { length }),
            _ => Ok(Password(text.as_bytes().into())),
        }
    }
}

impl fmt::Debug for Password {
    /// Secrets do not get into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// `struct tcp_md5sig`.
#[repr(C)]
struct Md5Signature {
    address: SockAddrStorage,
    flags: u8,
    prefix_length: u8,
    key_length: u16,
    interface: c_int,
    key: [u8; Password::MAX],
}

/// `TCP_MD5SIG_FLAG_PREFIX`: the address stands for all that share so many bits with it.
const FLAG_PREFIX: u8 = 1;

/// From now on segments between this socket and these peers are signed; without a password they are not. Segments that
/// are not as they should be are as good as lost. Other peers are not concerned, and of several prefixes the longest
/// counts. A listening socket's connections keep what held when they were opened.
pub(super) fn set_password(socket: &SockRef<'_>, peers: Prefix, password: Option<&Password>) -> io::Result<()> {
    let secret = password.map_or(&[][..], |password| &password.0);
    let mut key = [0; Password::MAX];
    key.iter_mut().zip(secret).for_each(|(octet, of_secret)| *octet = *of_secret);
    let signature = Md5Signature {
        address: SockAddr::from(SocketAddr::new(peers.address(), 0)).as_storage(),
        flags: FLAG_PREFIX,
        prefix_length: peers.len(),
        key_length: u16::try_from(secret.len()).unwrap_or(u16::MAX),
        interface: 0,
        key,
    };
    match set_option(socket, libc::IPPROTO_TCP, libc::TCP_MD5SIG_EXT, &signature) {
        // There was none to be taken away.
        Err(error) if password.is_none() && error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        result => result,
    }
}

/// A connection whose segments are signed, for as long as what they are signed with may change.
#[derive(Debug)]
pub struct Signed(Socket);

impl Signed {
    /// This one. Its socket stays open until this is dropped, too.
    ///
    /// # Errors
    /// If there are too many open files.
    pub fn of(stream: &TcpStream) -> io::Result<Signed> {
        SockRef::from(stream).try_clone().map(Signed)
    }

    /// Signs it with this from now on; `peer` is the address at its other end. What comes signed with the old password is
    /// as good as lost.
    ///
    /// # Errors
    /// If the kernel refuses it.
    pub fn sign(&self, peer: IpAddr, password: &Password) -> io::Result<()> {
        set_password(&SockRef::from(&self.0), Prefix::host(peer), Some(password))
    }
}

/// setsockopt(2) for the options that no crate has.
fn set_option<T>(socket: &SockRef<'_>, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    let length = libc::socklen_t::try_from(mem::size_of::<T>()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let value: *const c_void = std::ptr::from_ref(value).cast();
    // SAFETY: the kernel reads `length` octets of the value, which is all of it.
    match unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value, length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

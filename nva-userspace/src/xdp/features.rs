//! Whether a device takes frames that XDP redirects to it, as the kernel's `netdev` netlink family says (Linux 6.3).
//!
//! A redirect to a device that does not is lost without a word, and a driver may change its mind at any time: a veth end
//! takes frames only while its peer has GRO or XDP on.

use std::io;

use netlink_sys::protocols::NETLINK_GENERIC;
use netlink_sys::{Socket, SocketAddr};

const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_HEADER: usize = 16;
const GENERIC_HEADER: usize = 4;
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;
const NETDEV_XDP_ACT_NDO_XMIT: u64 = 1 << 2;

/// A socket to the `netdev` family, in the network namespace of the thread that opened it.
pub struct Features {
    socket: Socket,
    family: u16,
}

impl Features {
    /// Opens it. `None` where the kernel does not have the family.
    pub fn open() -> io::Result<Option<Features>> {
        let mut socket = Socket::new(NETLINK_GENERIC)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        let name = attribute(CTRL_ATTR_FAMILY_NAME, b"netdev\0");
        let answer = ask(&socket, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, &name)?;
        let number = |value: &[u8]| Some(u16::from_ne_bytes(value.get(..2)?.try_into().ok()?));
        let family = answer.and_then(|answer| number(find(&answer, CTRL_ATTR_FAMILY_ID)?));
        Ok(family.map(|family| Features { socket, family }))
    }

    /// Whether the device takes redirected frames. `None` where the kernel does not say.
    pub fn transmits(&self, ifindex: u32) -> io::Result<Option<bool>> {
        let index = attribute(NETDEV_A_DEV_IFINDEX, &ifindex.to_ne_bytes());
        let answer = ask(&self.socket, self.family, NETDEV_CMD_DEV_GET, &index)?;
        let number = |value: &[u8]| Some(u64::from_ne_bytes(value.get(..8)?.try_into().ok()?));
        let features = answer.and_then(|answer| number(find(&answer, NETDEV_A_DEV_XDP_FEATURES)?));
        Ok(features.map(|features| features & NETDEV_XDP_ACT_NDO_XMIT != 0))
    }
}

/// Sends a request and returns the answer's attributes; `None` if the kernel refused.
fn ask(socket: &Socket, family: u16, command: u8, attributes: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let length = (NLMSG_HEADER + GENERIC_HEADER + attributes.len()) as u32;
    let mut request = Vec::with_capacity(length as usize);
    request.extend(length.to_ne_bytes());
    request.extend(family.to_ne_bytes());
    request.extend(NLM_F_REQUEST.to_ne_bytes());
    // Sequence number and port: one request at a time, on a connected socket.
    request.extend([0; 8]);
    request.extend([command, 1, 0, 0]);
    request.extend(attributes);
    socket.send(&request, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let kind = answer.get(4..6).map(|kind| u16::from_ne_bytes([kind[0], kind[1]]));
    if kind.is_none_or(|kind| kind == NLMSG_ERROR) {
        return Ok(None);
    }
    Ok(answer.get(NLMSG_HEADER + GENERIC_HEADER..).map(<[u8]>::to_vec))
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut attribute = ((4 + value.len()) as u16).to_ne_bytes().to_vec();
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// The value of the first attribute of a kind.
fn find(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let (header, rest) = attributes.split_at_checked(4)?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]])).checked_sub(4)?;
        if u16::from_ne_bytes([header[2], header[3]]) == kind {
            return rest.get(..length);
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_and_truncated_ones_are_not() {
        let both = [attribute(3, &[1, 2, 3]), attribute(5, &[9; 8])].concat();
        assert_eq!(find(&both, 3), Some(&[1, 2, 3][..]));
        assert_eq!(find(&both, 5), Some(&[9; 8][..]));
        assert_eq!(find(&both, 7), None);
        assert_eq!(find(&both[..both.len() - 1], 5), None);
        assert_eq!(find(&[0, 0, 3, 0], 3), None, "a length below its own header's");
    }

    #[test]
    fn a_loopback_device_takes_no_redirected_frames() {
        let Some(features) = Features::open().expect("a netlink socket") else { return };
        assert_eq!(features.transmits(1).expect("an answer"), Some(false));
        assert_eq!(features.transmits(u32::MAX >> 1).expect("an answer"), None, "no such device");
    }
}

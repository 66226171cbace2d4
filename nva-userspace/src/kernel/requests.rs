//! Requests and their answers.

use std::fmt;
use std::io;

use netlink_packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE,
    NLMSG_ERROR, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};

use super::KernelError;
use super::socket::{HEADER_LEN, Netlink, Raw, messages, u16_at, u32_at};

/// Room for the answers to a whole batch of requests.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// How many octets of requests go to the kernel at a time.
const BATCH_OCTETS: usize = 48 * 1024;
/// How many requests go to the kernel at a time: their answers must fit the receive buffer, if all are refused.
const BATCH_REQUESTS: usize = 256;
/// `NLMSGERR_ATTR_MSG`: the kernel's own words.
const ATTRIBUTE_MESSAGE: u16 = 1;

/// The kernel refused a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error number, positive.
    pub errno: i32,
    /// What the kernel says beyond the number.
    pub message: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(nix::errno::Errno::from_raw(self.errno).desc())?;
        match &self.message {
            Some(message) => write!(f, " ({message})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<&ErrorMessage> for Refusal {
    /// Of an answer that is capped, as all are that we ask for: the attributes follow the request's header.
    fn from(answer: &ErrorMessage) -> Refusal {
        let attributes = answer.header.get(HEADER_LEN..);
        Refusal { errno: answer.raw_code().saturating_neg(), message: attributes.and_then(message_attribute) }
    }
}

/// A socket for requests, which are answered in order.
#[derive(Debug)]
pub(super) struct Requests {
    netlink: Netlink,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Requests {
    pub(super) fn open() -> Result<Requests, KernelError> {
        Ok(Requests { netlink: Netlink::open(RECEIVE_BUFFER)?, sequence: 0, buffer: Vec::new() })
    }

    /// Asks for everything of a kind. False if it changed meanwhile, so that something may be missing.
    pub(super) async fn dump(
        &mut self,
        request: impl NetlinkSerializable,
        mut visit: impl FnMut(Raw<'_>),
    ) -> Result<bool, KernelError> {
        const DOING: &str = "list its state";
        let mut octets = Vec::new();
        let sequence = self.append(request, NLM_F_DUMP, &mut octets);
        self.netlink.send(&octets).await.map_err(KernelError::socket(DOING))?;
        let mut consistent = true;
        loop {
            self.netlink.receive(&mut self.buffer).await.map_err(KernelError::socket(DOING))?;
            for raw in messages(&self.buffer).filter(|raw| raw.sequence == sequence) {
                consistent &= raw.flags & NLM_F_DUMP_INTR == 0;
                match raw.kind {
                    NLMSG_DONE | NLMSG_ERROR => {
                        return match refusal(&raw) {
                            None => Ok(consistent),
                            Some(source) => Err(KernelError::Refused { doing: DOING, source }),
                        };
                    }
                    _ => visit(raw),
                }
            }
        }
    }

    /// Has requests carried out in order, each with the flags given beside it, and returns what became of each. An
    /// error leaves it open which of them were carried out.
    pub(super) async fn run(
        &mut self,
        requests: impl IntoIterator<Item = (impl NetlinkSerializable, u16)>,
    ) -> Result<Vec<Result<(), Refusal>>, KernelError> {
        let mut answers = Vec::new();
        let mut requests = requests.into_iter().peekable();
        while requests.peek().is_some() {
            let mut octets = Vec::new();
            let (first, start) = (self.sequence.wrapping_add(1), answers.len());
            let mut last = 0;
            while octets.len() < BATCH_OCTETS && answers.len() - start < BATCH_REQUESTS {
                let Some((request, flags)) = requests.next() else { break };
                last = octets.len();
                self.append(request, flags, &mut octets);
                answers.push(Ok(()));
            }
            // Refusals are answered unasked; an answer to the last request ends the batch.
            ask_for_answer(&mut octets, last);
            let count = answers.len() - start;
            let batch = answers.get_mut(start..).unwrap_or_default();
            let refuse = |index: usize, refusal| {
                if let Some(answer) = batch.get_mut(index) {
                    *answer = Err(refusal);
                }
            };
            self.exchange(&octets, first, count, refuse).await?;
        }
        Ok(answers)
    }

    /// Sends requests with consecutive numbers and reads until the last one's answer.
    async fn exchange(
        &mut self,
        octets: &[u8],
        first: u32,
        count: usize,
        mut refused: impl FnMut(usize, Refusal),
    ) -> Result<(), KernelError> {
        const DOING: &str = "ask the kernel";
        self.netlink.send(octets).await.map_err(KernelError::socket(DOING))?;
        loop {
            self.netlink.receive(&mut self.buffer).await.map_err(KernelError::socket(DOING))?;
            for raw in messages(&self.buffer) {
                let index = usize::try_from(raw.sequence.wrapping_sub(first)).unwrap_or(usize::MAX);
                if index >= count || raw.kind != NLMSG_ERROR {
                    continue; // An answer to an exchange that was given up.
                }
                if let Some(refusal) = refusal(&raw) {
                    refused(index, refusal);
                }
                if index + 1 == count {
                    return Ok(());
                }
            }
        }
    }

    fn append(&mut self, request: impl NetlinkSerializable, flags: u16, octets: &mut Vec<u8>) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::InnerMessage(request));
        message.header.flags = NLM_F_REQUEST | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let start = octets.len();
        octets.resize(start + message.buffer_len().next_multiple_of(4), 0);
        message.serialize(octets.get_mut(start..).unwrap_or_default());
        self.sequence
    }
}

/// Sets `NLM_F_ACK` in the message that starts here.
fn ask_for_answer(octets: &mut [u8], start: usize) {
    if let Some(flags) = u16_at(octets, start + 6) {
        let with_answer = (flags | NLM_F_ACK).to_ne_bytes();
        octets.iter_mut().skip(start + 6).zip(with_answer).for_each(|(octet, new)| *octet = new);
    }
}

/// What an `NLMSG_ERROR` or `NLMSG_DONE` says, unless it is success.
fn refusal(raw: &Raw<'_>) -> Option<Refusal> {
    let code = u32_at(raw.payload, 0)?.cast_signed();
    let errno = if code < 0 { code.checked_neg()? } else { return None };
    // The request's header follows; the whole request does if it is not capped.
    let header = raw.payload.get(4..)?;
    let echoed =
        if raw.flags & NLM_F_CAPPED == 0 { usize::try_from(u32_at(header, 0).unwrap_or(16)).ok()? } else { 16 };
    let attributes = header.get(echoed.next_multiple_of(4)..).filter(|_| raw.flags & NLM_F_ACK_TLVS != 0);
    Some(Refusal { errno, message: attributes.and_then(message_attribute) })
}

fn message_attribute(mut attributes: &[u8]) -> Option<String> {
    loop {
        let length = usize::from(u16_at(attributes, 0)?);
        let value = attributes.get(4..length)?;
        if u16_at(attributes, 2)? == ATTRIBUTE_MESSAGE {
            let text = value.split(|octet| *octet == 0).next()?;
            return Some(String::from_utf8_lossy(text).into_owned());
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

/// The refusal that stands for an answer which was lost.
pub(super) fn lost(error: &KernelError) -> Refusal {
    let errno = match error {
        KernelError::Socket { source, .. } => source.raw_os_error().unwrap_or(libc::EIO),
        KernelError::Refused { source, .. } => source.errno,
    };
    Refusal { errno, message: Some(format!("the answer was lost: {}", io::Error::from_raw_os_error(errno))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(flags: u16, payload: &[u8]) -> Option<Refusal> {
        refusal(&Raw { kind: NLMSG_ERROR, flags, sequence: 1, payload })
    }

    #[test]
    fn refusals_carry_the_kernels_words() {
        let mut payload = (-17i32).to_ne_bytes().to_vec();
        payload.extend([0; 16]);
        assert_eq!(error(NLM_F_CAPPED, &payload), Some(Refusal { errno: 17, message: None }));
        payload.extend([5u16.to_ne_bytes(), 9u16.to_ne_bytes()].concat());
        payload.extend([0; 4]);
        payload.extend([8u16.to_ne_bytes(), 1u16.to_ne_bytes()].concat());
        payload.extend(b"Bad\0");
        let refusal = error(NLM_F_CAPPED | NLM_F_ACK_TLVS, &payload).expect("a refusal");
        assert_eq!(refusal.to_string(), "File exists (Bad)");
        assert_eq!(error(0, &[0; 20]), None, "an acknowledgement");
        for length in 0..payload.len() {
            let _ = error(NLM_F_ACK_TLVS, payload.get(..length).expect("shorter")); // Must not panic.
        }
    }
}

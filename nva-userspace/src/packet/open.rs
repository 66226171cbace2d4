//! OPEN (RFC 4271 §4.2), with capabilities (RFC 5492) and the extended optional parameters (RFC 9072).

use super::header::{Frame, write_message};
use super::iana::{self, message_type, open_parameter};
use super::message::{Capability, Open};
use super::reader::Reader;
use super::{DecodeError, EncodeError, OpenProblem, capability};

/// Reads the body. What can be judged without knowing the peer is judged here (RFC 4271 §6.2).
pub(super) fn decode(frame: Frame<'_>) -> Result<Open, DecodeError> {
    let mut body = frame.body;
    read(&mut body).map_err(|(offset, problem)| DecodeError::Open { offset, problem })
}

/// Appends the whole message, all capabilities in one parameter as RFC 5492 §4 prefers.
pub(super) fn encode(open: &Open, max_message: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    write_message(message_type::OPEN, max_message, out, |out| {
        out.push(iana::BGP_VERSION);
        out.extend_from_slice(&open.my_as.to_be_bytes());
        out.extend_from_slice(&open.hold_time.to_be_bytes());
        out.extend_from_slice(&open.router_id.octets());
        write_parameters(&open.capabilities, max_message, out)
    })
}

type Fault = (usize, OpenProblem);

fn read(body: &mut Reader<'_>) -> Result<Open, Fault> {
    // The header has made sure of these ten octets.
    let end = (body.offset(), OpenProblem::ParameterLength);
    let offset = body.offset();
    let version = body.u8().ok_or_else(|| end.clone())?;
    if version != iana::BGP_VERSION {
        return Err((offset, OpenProblem::Version { version }));
    }
    let offset = body.offset();
    let my_as = body.u16().ok_or_else(|| end.clone())?;
    // RFC 7607 §2: nobody has AS 0.
    if my_as == 0 {
        return Err((offset, OpenProblem::AsZero));
    }
    let offset = body.offset();
    let hold_time = body.u16().ok_or_else(|| end.clone())?;
    // RFC 4271 §6.2: one or two seconds MUST be rejected.
    if matches!(hold_time, 1 | 2) {
        return Err((offset, OpenProblem::HoldTime { seconds: hold_time }));
    }
    let offset = body.offset();
    let router_id = body.array::<4>().ok_or_else(|| end.clone())?.into();
    // RFC 6286 §2.2: any identifier but 0.
    if router_id == std::net::Ipv4Addr::UNSPECIFIED {
        return Err((offset, OpenProblem::IdentifierZero));
    }
    Ok(Open { my_as, hold_time, router_id, capabilities: read_parameters(body)? })
}

fn read_parameters(body: &mut Reader<'_>) -> Result<Vec<Capability>, Fault> {
    let malformed = (body.offset(), OpenProblem::ParameterLength);
    let length = body.u8().ok_or_else(|| malformed.clone())?;
    // RFC 9072 §2: the type 255 in the first place says extended; the length before it says nothing then.
    let extended = length != 0 && body.rest().first() == Some(&open_parameter::EXTENDED_LENGTH);
    let length =
        if extended { body.u8().and_then(|_type| body.u16()).map(usize::from) } else { Some(usize::from(length)) };
    if length != Some(body.len()) {
        return Err(malformed);
    }
    let mut capabilities = Vec::new();
    while !body.is_empty() {
        let offset = body.offset();
        let kind = body.u8();
        let length = if extended { body.u16().map(usize::from) } else { body.u8().map(usize::from) };
        let (Some(kind), Some(value)) = (kind, length.and_then(|length| body.field(length))) else {
            return Err((offset, OpenProblem::ParameterLength));
        };
        // RFC 4271 §6.2; RFC 5492 §4: Capabilities may come more than once.
        if kind != open_parameter::CAPABILITIES {
            return Err((offset, OpenProblem::UnsupportedParameter { kind }));
        }
        capability::decode_all(value, &mut capabilities)?;
    }
    Ok(capabilities)
}

fn write_parameters(capabilities: &[Capability], max_message: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if capabilities.is_empty() {
        out.push(0);
        return Ok(());
    }
    let mut value = Vec::new();
    capabilities.iter().try_for_each(|capability| capability::encode(capability, &mut value))?;
    let length = u16::try_from(value.len()).map_err(|_| EncodeError::TooLong { max: max_message })?;
    match (u8::try_from(length), u8::try_from(length.saturating_add(2))) {
        (Ok(length), Ok(total)) => out.extend_from_slice(&[total, open_parameter::CAPABILITIES, length]),
        // RFC 9072 §2: what does not fit into 255 octets goes out extended.
        (Ok(_) | Err(_), Ok(_) | Err(_)) => {
            out.extend_from_slice(&[255, open_parameter::EXTENDED_LENGTH]);
            out.extend_from_slice(&length.saturating_add(3).to_be_bytes());
            out.push(open_parameter::CAPABILITIES);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
    out.extend_from_slice(&value);
    Ok(())
}

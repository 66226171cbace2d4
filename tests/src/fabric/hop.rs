//! No hop between two VMs: a small XDP program on the fabric's ends adds to the TTL what the kernel's forwarding will
//! take away, so that BGP sessions with a TTL of 1 work between VMs of one subnet as they do in Azure.
//
// GAP(Azure): a TTL of 255 cannot be raised and arrives as 254, so GTSM (RFC 5082) between VMs does not work here.

use std::ffi::CString;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Context;

/// Loads the program and pins it at `path`, which is on a bpffs.
pub(super) fn pin_program(path: &Path) -> anyhow::Result<()> {
    let program = load().context("the kernel refused the fabric's XDP program")?;
    pin(&program, path).with_context(|| format!("cannot pin the fabric's XDP program at {}", path.display()))
}

/// An instruction (RFC 9669 §3): opcode, registers, offset, immediate value.
#[repr(C)]
#[derive(Clone, Copy)]
struct Instruction {
    opcode: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// Opcodes (RFC 9669 §4, §5): class, source and operation together.
mod opcode {
    pub(super) const LOAD_U32: u8 = 0x61;
    pub(super) const LOAD_U16: u8 = 0x69;
    pub(super) const LOAD_U8: u8 = 0x71;
    pub(super) const STORE_U16: u8 = 0x6b;
    pub(super) const STORE_U8: u8 = 0x73;
    pub(super) const MOVE: u8 = 0xbf;
    pub(super) const MOVE_IMMEDIATE: u8 = 0xb7;
    pub(super) const ADD: u8 = 0x0f;
    pub(super) const ADD_IMMEDIATE: u8 = 0x07;
    pub(super) const AND_IMMEDIATE: u8 = 0x57;
    pub(super) const SHIFT_RIGHT_IMMEDIATE: u8 = 0x77;
    pub(super) const JUMP_GREATER: u8 = 0x2d;
    pub(super) const JUMP_EQUAL_IMMEDIATE: u8 = 0x15;
    pub(super) const JUMP_NOT_EQUAL_IMMEDIATE: u8 = 0x55;
    pub(super) const EXIT: u8 = 0x95;
}

const fn instruction(opcode: u8, target: u8, source: u8, offset: i16, immediate: i32) -> Instruction {
    let registers = if cfg!(target_endian = "little") { source << 4 | target } else { target << 4 | source };
    Instruction { opcode, registers, offset, immediate }
}

/// Offsets in an Ethernet frame with IPv4.
const ETHER_TYPE: i16 = 12;
const TTL: i16 = 22;
const CHECKSUM: i16 = 24;
const HEADERS: i32 = 34;
const IPV4: i32 = 0x0800_u16.to_be() as i32;

/// What raising the TTL by one adds to the checksum, in one's complement arithmetic (RFC 1624 §3).
const CHECKSUM_CHANGE: i32 = !0x0100_u16.to_be() as i32;

const XDP_PASS: i32 = 2;

/// ```c
/// if (data + 34 <= data_end && ether_type == IPV4 && ttl != 255) { ttl += 1; checksum = fold(checksum + change); }
/// return XDP_PASS;
/// ```
fn program() -> [Instruction; 22] {
    use opcode::*;
    [
        instruction(LOAD_U32, 2, 1, 0, 0),
        instruction(LOAD_U32, 3, 1, 4, 0),
        instruction(MOVE, 4, 2, 0, 0),
        instruction(ADD_IMMEDIATE, 4, 0, 0, HEADERS),
        instruction(JUMP_GREATER, 4, 3, 15, 0),
        instruction(LOAD_U16, 5, 2, ETHER_TYPE, 0),
        instruction(JUMP_NOT_EQUAL_IMMEDIATE, 5, 0, 13, IPV4),
        instruction(LOAD_U8, 5, 2, TTL, 0),
        instruction(JUMP_EQUAL_IMMEDIATE, 5, 0, 11, 255),
        instruction(ADD_IMMEDIATE, 5, 0, 0, 1),
        instruction(STORE_U8, 2, 5, TTL, 0),
        instruction(LOAD_U16, 5, 2, CHECKSUM, 0),
        instruction(ADD_IMMEDIATE, 5, 0, 0, CHECKSUM_CHANGE),
        instruction(MOVE, 6, 5, 0, 0),
        instruction(SHIFT_RIGHT_IMMEDIATE, 6, 0, 0, 16),
        instruction(AND_IMMEDIATE, 5, 0, 0, 0xffff),
        instruction(ADD, 5, 6, 0, 0),
        instruction(STORE_U16, 2, 5, CHECKSUM, 0),
        instruction(MOVE_IMMEDIATE, 0, 0, 0, XDP_PASS),
        instruction(EXIT, 0, 0, 0, 0),
        // Where the jumps go: a packet that is left as it is.
        instruction(MOVE_IMMEDIATE, 0, 0, 0, XDP_PASS),
        instruction(EXIT, 0, 0, 0, 0),
    ]
}

/// The first fields of `union bpf_attr` for BPF_PROG_LOAD (bpf(2)).
#[repr(C)]
#[derive(Default)]
struct LoadAttributes {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
}

/// The fields of `union bpf_attr` for BPF_OBJ_PIN.
#[repr(C)]
#[derive(Default)]
struct PinAttributes {
    path: u64,
    file_descriptor: u32,
    flags: u32,
}

const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_OBJ_PIN: libc::c_int = 6;
const BPF_PROG_TYPE_XDP: u32 = 6;

fn load() -> io::Result<OwnedFd> {
    let (instructions, license) = (program(), c"GPL");
    let attributes = LoadAttributes {
        kind: BPF_PROG_TYPE_XDP,
        count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: license.as_ptr() as u64,
        name: *b"nva_lab_no_hop\0\0",
        ..LoadAttributes::default()
    };
    let descriptor = bpf(BPF_PROG_LOAD, &attributes)?;
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn pin(program: &OwnedFd, path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let file_descriptor = program.as_raw_fd().cast_unsigned();
    bpf(BPF_OBJ_PIN, &PinAttributes { path: path.as_ptr() as u64, file_descriptor, flags: 0 }).map(drop)
}

fn bpf<T>(command: libc::c_int, attributes: &T) -> io::Result<RawFd> {
    // SAFETY: `attributes` has the layout that `command` reads, its size is given, and the pointers in it are to
    // memory that outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as RawFd) }
}

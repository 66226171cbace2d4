//! The bpf commands that aya has no function for, or hides: links as plain descriptors, without aya's silent fallback to
//! attaching by netlink, which nothing can pin.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const BPF_OBJ_PIN: libc::c_int = 6;
const BPF_OBJ_GET: libc::c_int = 7;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BPF_LINK_CREATE: libc::c_int = 28;
const BPF_LINK_UPDATE: libc::c_int = 29;
const BPF_LINK_DETACH: libc::c_int = 34;
const BPF_XDP: u32 = 37;
const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;

/// Let the driver run the program: `XDP_FLAGS_DRV_MODE`.
pub const NATIVE: u32 = 1 << 2;
/// Let the kernel's generic receive path run it: `XDP_FLAGS_SKB_MODE`.
pub const GENERIC: u32 = 1 << 1;

/// `struct bpf_link_info` of an XDP link.
#[repr(C)]
#[derive(Default)]
struct LinkInfo {
    kind: u32,
    id: u32,
    program: u32,
    padding: u32,
    ifindex: u32,
    rest: [u32; 27],
}

/// The part of `union bpf_attr` for `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
struct InfoRequest {
    fd: u32,
    length: u32,
    info: u64,
}

/// The part of `union bpf_attr` for pinning.
#[repr(C)]
struct PinRequest {
    path: u64,
    fd: u32,
    flags: u32,
}

/// Attaches a program to an interface, in the mode of [`NATIVE`] or [`GENERIC`].
pub fn create_link(program: BorrowedFd<'_>, ifindex: u32, mode: u32) -> io::Result<OwnedFd> {
    let mut request = [raw(program), ifindex, BPF_XDP, mode];
    // SAFETY: the request has no pointers.
    let link = unsafe { bpf(BPF_LINK_CREATE, &mut request) }?;
    // SAFETY: the command returned a new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(link) })
}

/// Lets a link run another program, without a packet in between that meets none.
pub fn update_link(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let mut request = [raw(link), raw(program), 0, 0];
    // SAFETY: the request has no pointers.
    unsafe { bpf(BPF_LINK_UPDATE, &mut request) }.map(drop)
}

/// Pins an object of any kind.
pub fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut request = PinRequest { path: path.as_ptr() as u64, fd: raw(object), flags: 0 };
    // SAFETY: the path lives until the call returns.
    unsafe { bpf(BPF_OBJ_PIN, &mut request) }.map(drop)
}

/// Opens a pinned object.
pub fn open_pinned(path: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut request = PinRequest { path: path.as_ptr() as u64, fd: 0, flags: 0 };
    // SAFETY: the path lives until the call returns.
    let object = unsafe { bpf(BPF_OBJ_GET, &mut request) }?;
    // SAFETY: the command returned a new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(object) })
}

/// What an XDP link is attached to and what it runs: interface index (0 when the interface is gone) and program id.
pub fn link_target(link: BorrowedFd<'_>) -> io::Result<(u32, u32)> {
    let mut info = LinkInfo::default();
    let mut request = InfoRequest { fd: raw(link), length: size_of::<LinkInfo>() as u32, info: (&raw mut info) as u64 };
    // SAFETY: the request names a buffer of the length that it says, which lives until the call returns.
    unsafe { bpf(BPF_OBJ_GET_INFO_BY_FD, &mut request) }?;
    Ok((info.ifindex, info.program))
}

/// Detaches a link, whoever else holds it.
pub fn detach_link(link: BorrowedFd<'_>) -> io::Result<()> {
    let mut request = [raw(link), 0];
    // SAFETY: the request has no pointers.
    unsafe { bpf(BPF_LINK_DETACH, &mut request) }.map(drop)
}

/// Waits until every BPF program that runs now has ended: about 10 ms.
pub fn wait_for_readers() -> io::Result<()> {
    // SAFETY: no memory is involved.
    match unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// # Safety
/// `request` must be what the command expects, and its pointers valid.
unsafe fn bpf<T>(command: libc::c_int, request: &mut T) -> io::Result<i32> {
    // SAFETY: by the caller.
    match unsafe { libc::syscall(libc::SYS_bpf, command, request as *mut T, size_of::<T>()) } {
        result @ 0.. => Ok(result as i32),
        _ => Err(io::Error::last_os_error()),
    }
}

fn raw(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd() as u32
}

//! Messages with descriptors between two processes that share a socket pair.
//!
//! A message is two numbers (how many bytes, how many descriptors), the bytes, and the descriptors. The kernel takes at
//! most [`IN_ONE`] descriptors at a time: the first that many travel with the message's first byte, each further batch
//! with a byte of its own. Sending never raises SIGPIPE; received descriptors are close-on-exec. The two ends take
//! turns, so there is no queueing here and no time-out. An end that waits for an answer sees the end of the stream when
//! the other process dies.

use super::lasting::above_standard;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How many descriptors the kernel takes at a time.
const IN_ONE: usize = 253;

const CONTROL_BYTES: usize = rustix::cmsg_space!(ScmRights(IN_ONE));
const HEADER: usize = 16;

/// How often, a millisecond apart, descriptors are sent once more when too many of the user's are on their way.
const TRIES: u32 = 1000;

/// What has arrived.
#[derive(Debug)]
pub struct Message {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The descriptors, in order, as far as this process may have them open.
    pub descriptors: Vec<OwnedFd>,
    /// How many were sent.
    pub sent: usize,
}

impl Message {
    /// Whether descriptors are missing, since this process may have no more open.
    pub fn is_short(&self) -> bool {
        self.descriptors.len() < self.sent
    }
}

/// Makes two sockets that are connected to each other, close-on-exec.
///
/// # Errors
/// EMFILE, ENFILE.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (one, other) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    Ok((above_standard(one)?, above_standard(other)?))
}

/// Says that nothing more will be sent, also by the copies of the socket that forked processes have.
pub fn hang_up(socket: impl AsFd) {
    // The other end may be closed already.
    let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Write);
}

/// Sends `bytes` and copies of `descriptors`.
///
/// # Errors
/// EPIPE when the other end is closed; what the kernel says otherwise. A part may have been sent then.
pub fn send(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&(bytes.len() as u64).to_ne_bytes());
    header[8..].copy_from_slice(&(descriptors.len() as u64).to_ne_bytes());
    let (first, rest) = descriptors.split_at(descriptors.len().min(IN_ONE));
    if rest.is_empty() {
        return send_together(&socket, &header, bytes, first);
    }
    send_together(&socket, &header, &[], first)?;
    for batch in rest.chunks(IN_ONE) {
        send_together(&socket, &[0], &[], batch)?;
    }
    send_together(&socket, bytes, &[], &[])
}

/// Sends two runs of bytes, the descriptors with the first byte.
fn send_together(
    socket: impl AsFd,
    first: &[u8],
    second: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    if first.is_empty() {
        return Ok(());
    }
    let mut space = [MaybeUninit::uninit(); CONTROL_BYTES];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        let has_room = control.push(SendAncillaryMessage::ScmRights(descriptors));
        debug_assert!(has_room, "there is room for a batch");
    }
    let mut tries = 0;
    let mut sent = loop {
        let parts = [IoSlice::new(first), IoSlice::new(second)];
        match rustix::net::sendmsg(&socket, &parts, &mut control, SendFlags::NOSIGNAL) {
            Ok(sent) => break sent,
            Err(Errno::INTR) => {}
            // Others of this user are being sent as well, and will have arrived soon.
            Err(Errno::TOOMANYREFS) if tries < TRIES => {
                tries += 1;
                let millisecond = rustix::time::Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
                let _ = rustix::event::poll(&mut [], Some(&millisecond));
            }
            Err(error) => return Err(error.into()),
        }
    };
    // A stream may take less than all of it.
    while sent < first.len() + second.len() {
        let rest = if sent < first.len() { &first[sent..] } else { &second[sent - first.len()..] };
        match rustix::net::send(&socket, rest, SendFlags::NOSIGNAL) {
            Ok(more) => sent += more,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Receives the next message; `None` when the other end is closed.
///
/// # Errors
/// `UnexpectedEof` when the other end closed in the middle of a message. That this process may not have all the
/// descriptors open is none: see [`Message::is_short`].
pub fn receive(socket: impl AsFd) -> io::Result<Option<Message>> {
    let mut header = [0; HEADER];
    let mut descriptors = Vec::new();
    let mut got = receive_together(&socket, &mut header, &mut descriptors)?;
    if got == 0 {
        return Ok(None);
    }
    fill(&socket, &mut header, &mut got)?;
    let [length, sent] =
        [0, 8].map(|at| u64::from_ne_bytes(header[at..at + 8].try_into().expect("eight bytes")) as usize);
    for _ in 1..sent.div_ceil(IN_ONE) {
        if receive_together(&socket, &mut [0], &mut descriptors)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut bytes = vec![0; length];
    fill(&socket, &mut bytes, &mut 0)?;
    Ok(Some(Message { bytes, descriptors, sent }))
}

/// Receives some bytes, and the descriptors that came with the first of them; 0 when the other end is closed.
fn receive_together(
    socket: impl AsFd,
    bytes: &mut [u8],
    descriptors: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); CONTROL_BYTES];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = loop {
        let mut parts = [IoSliceMut::new(bytes)];
        match rustix::net::recvmsg(&socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => break received.bytes,
            Err(Errno::INTR) => {}
            Err(Errno::CONNRESET) => return Ok(0),
            Err(error) => return Err(error.into()),
        }
    };
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            // One that finds no other place is missing.
            descriptors.extend(received.filter_map(|descriptor| above_standard(descriptor).ok()));
        }
    }
    Ok(got)
}

fn fill(socket: impl AsFd, bytes: &mut [u8], got: &mut usize) -> io::Result<()> {
    while *got < bytes.len() {
        match rustix::io::read(&socket, &mut bytes[*got..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => *got += more,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_descriptors_arrive_in_order() {
        let (near, far) = pair().unwrap();
        let (pipe_end, other_end) = rustix::pipe::pipe().unwrap();
        let large = vec![7_u8; 3 << 20];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                send(&near, b"first", &[other_end.as_fd()]).unwrap();
                send(&near, &large, &[]).unwrap();
                send(&near, b"", &[]).unwrap();
            });
            let Message { bytes, descriptors, .. } = receive(&far).unwrap().unwrap();
            assert_eq!((bytes.as_slice(), descriptors.len()), (&b"first"[..], 1));
            rustix::io::write(&descriptors[0], b"x").unwrap();
            assert_eq!(rustix::io::read(&pipe_end, &mut [0; 4]).unwrap(), 1);
            assert_eq!(receive(&far).unwrap().unwrap().bytes.len(), large.len());
            assert_eq!(receive(&far).unwrap().unwrap().bytes, b"");
        });
        drop(near);
        assert!(receive(&far).unwrap().is_none());
    }

    #[test]
    fn more_descriptors_than_the_kernel_takes_at_a_time_arrive_in_order() {
        let (near, far) = pair().unwrap();
        let ends: Vec<_> = (0..3).map(|_| rustix::pipe::pipe().unwrap()).collect();
        for count in [0, 1, IN_ONE - 1, IN_ONE, IN_ONE + 1, 2 * IN_ONE, 2 * IN_ONE + 1] {
            let sent: Vec<_> = (0..count).map(|number| ends[number % 3].1.as_fd()).collect();
            for bytes in [&b"and bytes"[..], b""] {
                send(&near, bytes, &sent).unwrap();
                let arrived = receive(&far).unwrap().unwrap();
                assert_eq!((arrived.bytes.as_slice(), arrived.descriptors.len()), (bytes, count));
                assert!(!arrived.is_short());
                let inode = |file: BorrowedFd<'_>| rustix::fs::fstat(file).unwrap().st_ino;
                let same =
                    |(sent, arrived): (&BorrowedFd<'_>, &OwnedFd)| inode(*sent) == inode(arrived.as_fd());
                assert!(sent.iter().zip(&arrived.descriptors).all(same), "{count}");
            }
        }
    }

    #[test]
    fn a_closed_end_is_an_error_and_no_signal() {
        let (near, far) = pair().unwrap();
        drop(far);
        assert_eq!(send(&near, b"x", &[]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

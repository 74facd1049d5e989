//! Messages with descriptors between two processes that share a socket pair.
//!
//! A message is a length, the bytes, and up to [`MOST_DESCRIPTORS`] descriptors which travel with its first byte.
//! Sending never raises SIGPIPE; received descriptors are close-on-exec. The two ends take turns, so there is no queueing
//! here and no time-out: who waits for an answer sees the end of the stream when the other process dies.

use super::lasting::above_standard;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How many descriptors one message may carry.
pub const MOST_DESCRIPTORS: usize = 200;

const CONTROL_BYTES: usize = rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS));

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
    let length = (bytes.len() as u64).to_ne_bytes();
    let mut space = [MaybeUninit::uninit(); CONTROL_BYTES];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "{} descriptors are more than the {MOST_DESCRIPTORS} that a start can pass on",
                descriptors.len()
            ),
        ));
    }
    let mut sent = loop {
        let parts = [IoSlice::new(&length), IoSlice::new(bytes)];
        match rustix::net::sendmsg(&socket, &parts, &mut control, SendFlags::NOSIGNAL) {
            Ok(sent) => break sent,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    // A stream may take less than all of it.
    while sent < length.len() + bytes.len() {
        let rest = if sent < length.len() { &length[sent..] } else { &bytes[sent - length.len()..] };
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
/// `UnexpectedEof` when the other end closed in the middle of a message; EMFILE shows as missing descriptors, or is returned where
/// one came under a standard stream's number.
pub fn receive(socket: impl AsFd) -> io::Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
    let mut length = [0_u8; 8];
    let mut descriptors = Vec::new();
    let mut space = [MaybeUninit::uninit(); CONTROL_BYTES];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut got = loop {
        let mut parts = [IoSliceMut::new(&mut length)];
        match rustix::net::recvmsg(&socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => break received.bytes,
            Err(Errno::INTR) => {}
            Err(Errno::CONNRESET) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    };
    if got == 0 {
        return Ok(None);
    }
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            for descriptor in received {
                descriptors.push(above_standard(descriptor)?);
            }
        }
    }
    fill(&socket, &mut length, &mut got)?;
    let mut bytes = vec![0; u64::from_ne_bytes(length) as usize];
    fill(&socket, &mut bytes, &mut 0)?;
    Ok(Some((bytes, descriptors)))
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
            let (bytes, descriptors) = receive(&far).unwrap().unwrap();
            assert_eq!((bytes.as_slice(), descriptors.len()), (&b"first"[..], 1));
            rustix::io::write(&descriptors[0], b"x").unwrap();
            assert_eq!(rustix::io::read(&pipe_end, &mut [0; 4]).unwrap(), 1);
            assert_eq!(receive(&far).unwrap().unwrap().0.len(), large.len());
            assert_eq!(receive(&far).unwrap().unwrap().0, b"");
        });
        drop(near);
        assert!(receive(&far).unwrap().is_none());
    }

    #[test]
    fn a_closed_end_is_an_error_and_no_signal() {
        let (near, far) = pair().unwrap();
        drop(far);
        assert_eq!(send(&near, b"x", &[]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

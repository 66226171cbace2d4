//! The thread of the sockets.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use super::super::inbox::Inboxes;
use super::super::io_thread::IoThread;
use super::{Event, LOCALHOST, keepalive, soon, start};

#[tokio::test]
async fn a_turn_reads_what_has_come() {
    let io = IoThread::start().expect("a thread");
    let listener = TcpListener::bind((LOCALHOST, 0)).expect("the loopback can be listened on");
    let mut far = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
    let (near, _) = listener.accept().expect("accepted");
    near.set_nonblocking(true).expect("an option");
    let mut inboxes = Inboxes::default();
    let connection = {
        let _io = io.runtime().enter();
        start(near.try_into().expect("a socket of the thread"), inboxes.open()).expect("started")
    };
    for _ in 0..100 {
        far.write_all(&keepalive()).expect("the other end reads");
        soon(io.turn()).await;
        assert_eq!(inboxes.try_next().map(Event::from), Some(Event::Received(Ok(keepalive()))));
    }
    drop(connection);
}

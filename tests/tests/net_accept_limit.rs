//! Accepting at the limit of open files. Alone in its process, whose limit it lowers.

use std::os::fd::AsRawFd;

use filch::net::{TcpListener, TcpStream};
use filch::runtime::Builder;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
fn too_many_open_files_is_an_error_and_the_connection_stays() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let before = getrlimit(Resource::Nofile);
        // The lowest free number is the limit, so there is none.
        let free = std::fs::File::open("/dev/null").unwrap().as_raw_fd();
        let lowered = Rlimit { current: Some(free as u64), maximum: before.maximum };
        setrlimit(Resource::Nofile, lowered).unwrap();
        for _ in 0..3 {
            // Each time at once: neither does it wait for an event that has been, nor is it over.
            let error = listener.accept().await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::MFILE.raw_os_error()));
        }
        setrlimit(Resource::Nofile, before).unwrap();
        let (_stream, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    });
}

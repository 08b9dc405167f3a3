//! What the system knows about this process's threads.

use std::io;

/// How many threads have a name that begins so.
#[cfg(target_os = "linux")]
pub(crate) fn count(name: &str) -> io::Result<usize> {
    // The system keeps fifteen bytes of a name.
    let name = &name.as_bytes()[..name.len().min(15)];
    let mut count = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        // A thread that ends meanwhile has no file any more.
        if let Ok(theirs) = std::fs::read(thread?.path().join("comm")) {
            count += usize::from(theirs.starts_with(name));
        }
    }
    Ok(count)
}

/// How often the system has switched to each thread of this process but the calling one, in all.
#[cfg(target_os = "linux")]
pub(crate) fn switches_of_others() -> io::Result<u64> {
    let me = rustix::thread::gettid().as_raw_nonzero().to_string();
    let mut switches = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let thread = thread?;
        if thread.file_name().to_string_lossy() == me {
            continue;
        }
        if let Ok(status) = std::fs::read_to_string(thread.path().join("status")) {
            switches += switches_in(&status);
        }
    }
    Ok(switches)
}

/// The sum of the two lines that end in `ctxt_switches`.
#[cfg(any(target_os = "linux", test))]
fn switches_in(status: &str) -> u64 {
    status
        .lines()
        .filter_map(|line| line.split_once("ctxt_switches:"))
        .filter_map(|(_, count)| count.trim().parse::<u64>().ok())
        .sum()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn count(_name: &str) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn switches_of_others() -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_switches_count() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(switches_in(status), 15);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_counts_by_its_name() {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("counted-thread-with-a-long-name".into())
            .spawn(move || {
                tell.send(()).expect("the test waits");
                let _ = stopped.recv();
            })
            .unwrap();
        told.recv().unwrap();
        assert_eq!(count("counted-thread-with-another").unwrap(), 1);
        assert!(switches_of_others().unwrap() > 0);
        drop(stop);
        thread.join().unwrap();
        assert_eq!(count("no-such-thread").unwrap(), 0);
    }
}

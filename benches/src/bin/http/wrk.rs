//! Requests a second, as wrk counts them.

use std::io;
use std::process::{Command, Output, Stdio};

use filch_benches::progress;

use crate::measured::{Pairs, Runtime, head};
use crate::server::Server;
use crate::{Plan, raise_descriptor_limit};

/// Threads of the load generator.
const THREADS: u32 = 2;

/// Runs the part and prints a table for each number of connections; `Ok(false)` if a request to
/// filch failed. Without wrk it says so and counts as passed.
pub(crate) fn compare(plan: &Plan) -> io::Result<bool> {
    if let Err(reason) = find_or_install() {
        println!("SKIPPED  requests a second: {reason}");
        return Ok(true);
    }
    let most = plan.connections.iter().copied().max().unwrap_or_default();
    raise_descriptor_limit(most + 64)?;
    let measurements = plan.connections.len() as u64 * u64::from(plan.rounds) * 2;
    let bar = progress(measurements, 24);
    let mut passed = true;
    for &connections in &plan.connections {
        let [mut rate, mut p99, mut cpu] = [const { Pairs { filch: vec![], tokio: vec![] } }; 3];
        let mut failures = Vec::new();
        for round in 0..plan.rounds {
            for runtime in Runtime::in_turn(round) {
                bar.set_message(format!("{runtime}, {connections} connections"));
                let server = Server::start(runtime, plan.workers)?;
                let before = server.cpu();
                let report = load(&server, connections, plan.seconds)?;
                if let (Some(before), Some(after)) = (before, server.cpu()) {
                    let requests = report.requests_per_second * plan.seconds as f64;
                    cpu.push(runtime, (after - before).as_secs_f64() * 1e6 / requests);
                }
                rate.push(runtime, report.requests_per_second);
                p99.push(runtime, report.p99_ms);
                if let Some(told) = report.failures() {
                    passed &= runtime != Runtime::Filch;
                    failures.push(format!("{runtime}: {told}"));
                }
                bar.inc(1);
            }
        }
        bar.suspend(|| {
            println!(
                "\nwrk -t{THREADS} -c{connections} -d{}, {} workers, {} rounds",
                plan.seconds, plan.workers, plan.rounds
            );
            println!("{}", head());
            println!("{}", rate.line("requests/s", 0));
            println!("{}", p99.line("p99, ms", 2));
            if !cpu.filch.is_empty() {
                println!("{}", cpu.line("server, us/req", 2));
            }
            let ratio = rate.ratio().median;
            let verdict = if ratio >= 1.0 { "held" } else { "missed" };
            println!("goal: at least tokio's requests/s: {verdict} ({ratio:.3})");
            for failure in &failures {
                println!("FAILED  {failure}");
            }
        });
    }
    bar.finish_and_clear();
    Ok(passed)
}

fn load(server: &Server, connections: u32, seconds: u64) -> io::Result<Report> {
    let output = Command::new("wrk")
        .arg(format!("-t{THREADS}"))
        .arg(format!("-c{connections}"))
        .arg(format!("-d{seconds}"))
        .arg("--latency")
        .arg(format!("http://{}/", server.address))
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Report::parse(&text).ok_or_else(|| {
        let told = String::from_utf8_lossy(&output.stderr);
        io::Error::other(format!("wrk ended with {}: {text}{told}", output.status))
    })
}

/// What wrk printed.
#[derive(Debug, Default, PartialEq)]
struct Report {
    requests_per_second: f64,
    p99_ms: f64,
    connect_errors: u64,
    read_errors: u64,
    write_errors: u64,
    timeouts: u64,
    bad_statuses: u64,
}

impl Report {
    /// Reads wrk's report; `None` if the figures are not there.
    fn parse(text: &str) -> Option<Report> {
        let mut report = Report::default();
        let mut found = 0;
        for line in text.lines().map(str::trim) {
            if let Some(rate) = line.strip_prefix("Requests/sec:") {
                report.requests_per_second = rate.trim().parse().ok()?;
                found += 1;
            } else if let Some(latency) = line.strip_prefix("99%") {
                report.p99_ms = milliseconds(latency.trim())?;
                found += 1;
            } else if let Some(errors) = line.strip_prefix("Socket errors:") {
                for error in errors.split(',') {
                    let (kind, count) = error.trim().split_once(' ')?;
                    let count = count.parse().ok()?;
                    match kind {
                        "connect" => report.connect_errors = count,
                        "read" => report.read_errors = count,
                        "write" => report.write_errors = count,
                        "timeout" => report.timeouts = count,
                        _ => return None,
                    }
                }
            } else if let Some(count) = line.strip_prefix("Non-2xx or 3xx responses:") {
                report.bad_statuses = count.trim().parse().ok()?;
            }
        }
        (found == 2).then_some(report)
    }

    /// What went wrong, if anything did.
    fn failures(&self) -> Option<String> {
        let counts = [
            ("connect errors", self.connect_errors),
            ("read errors", self.read_errors),
            ("write errors", self.write_errors),
            ("timeouts", self.timeouts),
            ("answers other than 2xx and 3xx", self.bad_statuses),
        ];
        let told: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        if self.requests_per_second == 0.0 {
            return Some(format!("no request was answered; {}", told.join(", ")));
        }
        (!told.is_empty()).then(|| told.join(", "))
    }
}

/// A time as wrk prints it: `12.34us`, `1.00ms`, `2.50s`, `1.00m`, `1.00h`.
fn milliseconds(text: &str) -> Option<f64> {
    let number_ends = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(number_ends);
    let factor = match unit {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 60e3,
        "h" => 3600e3,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// Makes sure that wrk can be run, by the system's package manager where that is allowed.
fn find_or_install() -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    eprintln!("wrk is not installed; trying apt-get install wrk");
    let mut last = String::from("no apt-get either");
    // As root, then as who may become root without a password.
    for prefix in [&[][..], &["sudo", "-n"]] {
        let command: Vec<&str> =
            prefix.iter().copied().chain(["apt-get", "install", "-y", "wrk"]).collect();
        match run(&command) {
            Ok(output) if output.status.success() && is_there() => return Ok(()),
            Ok(output) => {
                let told = String::from_utf8_lossy(&output.stderr);
                let told = told.lines().last().unwrap_or("no reason given").trim();
                last = format!("{}: {told}", command.join(" "));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => last = format!("{}: {error}", command.join(" ")),
        }
    }
    Err(format!("wrk is not installed, and can't be: {last}"))
}

fn is_there() -> bool {
    // `wrk -v` prints its version and fails for lack of an address: that it runs is enough.
    run(&["wrk", "-v"]).is_ok()
}

fn run(command: &[&str]) -> io::Result<Output> {
    Command::new(command[0])
        .args(&command[1..])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
Running 1s test @ http://127.0.0.1:8080/
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   353.66us  210.06us   7.99ms   88.05%
    Req/Sec    87.59k     3.71k   92.40k    85.00%
  Latency Distribution
     50%  321.00us
     75%  426.00us
     90%  549.00us
     99%    1.25ms
  174423 requests in 1.00s, 21.46MB read
Requests/sec: 174239.06
Transfer/sec:     21.44MB
";

    #[test]
    fn a_clean_report_is_read() {
        let report = Report::parse(GOOD).unwrap();
        let expected = Report { requests_per_second: 174239.06, p99_ms: 1.25, ..Report::default() };
        assert_eq!(report, expected);
        assert_eq!(report.failures(), None);
    }

    #[test]
    fn errors_are_counted_and_told() {
        let text = GOOD.replace(
            "Requests/sec",
            "  Socket errors: connect 1, read 2, write 3, timeout 4\n  \
             Non-2xx or 3xx responses: 5\nRequests/sec",
        );
        let told = Report::parse(&text).unwrap().failures().unwrap();
        assert_eq!(
            told,
            "1 connect errors, 2 read errors, 3 write errors, 4 timeouts, \
             5 answers other than 2xx and 3xx"
        );
    }

    #[test]
    fn a_run_without_an_answer_is_a_failure() {
        let text = GOOD.replace("174239.06", "0.00").replace("1.25ms", "0.00us");
        let told = Report::parse(&text).unwrap().failures().unwrap();
        assert!(told.starts_with("no request was answered"), "{told}");
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for text in [
            "",
            "unable to connect to 127.0.0.1:1 Connection refused",
            "Requests/sec: many\n99% 1.00ms",
            "Requests/sec: 1.0\n99% 1.00 fortnights",
            "Requests/sec: 1.0\n99% 1.00ms\nSocket errors: melt 5",
            "Requests/sec: 1.0\n99% 1.00ms\nNon-2xx or 3xx responses: x",
        ] {
            assert_eq!(Report::parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_in_every_unit() {
        for (text, ms) in
            [("321.00us", 0.321), ("1.25ms", 1.25), ("2.50s", 2500.0), ("1.00m", 60e3)]
        {
            assert!((milliseconds(text).unwrap() - ms).abs() < 1e-9, "{text}");
        }
        assert_eq!(milliseconds("1.00"), None);
        assert_eq!(milliseconds("ms"), None);
    }
}

//! The routes: what each answers, and what it takes from the client.
//!
//! Every number from a query is bounded; what is missing, no number or out of bounds is answered
//! with 400 and the bounds.

use std::convert::Infallible;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use filch::time::{Instant, Sleep};
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

/// A sieve of ten million numbers takes some 50 ms and 10 MB.
const COMPUTE_N: RangeInclusive<u64> = 0..=10_000_000;
/// No longer than a stop waits for requests in flight.
const SLEEP_MS: RangeInclusive<u64> = 0..=10_000;
const STREAM_CHUNKS: RangeInclusive<u64> = 1..=100;
const STREAM_MS: RangeInclusive<u64> = 0..=1_000;

const HELLO: &str = "Hello from filch\n";

pub(crate) type Answer = Response<Either<Full<Bytes>, Chunks>>;

/// What is served. Copied into each connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Routes {
    /// Whether `/panic` panics, for the self-test; otherwise it is unknown.
    pub(crate) panic: bool,
}

impl Routes {
    pub(crate) async fn answer<B>(self, request: &Request<B>) -> Answer {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        let query = Query(request.uri().query().unwrap_or_default());
        let answer = match request.uri().path() {
            "/" => Ok(text(StatusCode::OK, HELLO)),
            "/compute" => compute(query).await,
            "/sleep" => sleep(query).await,
            "/stream" => stream(query),
            "/panic" if self.panic => panic!("this panic is part of the self-test"),
            _ => Ok(text(StatusCode::NOT_FOUND, "no such page\n")),
        };
        answer.unwrap_or_else(|wrong| text(StatusCode::BAD_REQUEST, wrong))
    }
}

/// `/compute?n=..`: the number of primes up to `n`, on the pool for CPU work, so that the workers
/// go on serving.
async fn compute(query: Query<'_>) -> Result<Answer, String> {
    let n = query.number("n", COMPUTE_N, None)?;
    match filch::task::spawn_compute(move || primes_up_to(n as usize)).await {
        Ok(count) => Ok(text(StatusCode::OK, format!("{count} primes up to {n}\n"))),
        Err(error) => {
            eprintln!("/compute: {error}");
            Ok(text(StatusCode::INTERNAL_SERVER_ERROR, "the computation failed\n"))
        }
    }
}

/// `/sleep?ms=..`: answers after so many milliseconds.
async fn sleep(query: Query<'_>) -> Result<Answer, String> {
    let ms = query.number("ms", SLEEP_MS, None)?;
    let start = Instant::now();
    filch::time::sleep(Duration::from_millis(ms)).await;
    Ok(text(StatusCode::OK, format!("slept {} ms\n", start.elapsed().as_millis())))
}

/// `/stream?chunks=..&ms=..`: so many chunks, with a pause between two.
fn stream(query: Query<'_>) -> Result<Answer, String> {
    let count = query.number("chunks", STREAM_CHUNKS, Some(10))?;
    let pause = query.number("ms", STREAM_MS, Some(100))?;
    let chunks = Chunks {
        next: 1,
        count,
        pause: Duration::from_millis(pause),
        timer: Box::pin(filch::time::sleep(Duration::ZERO)),
    };
    Ok(typed(StatusCode::OK, Either::Right(chunks)))
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    typed(status, Either::Left(Full::new(body.into())))
}

fn typed(status: StatusCode, body: Either<Full<Bytes>, Chunks>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}

/// A body that yields a line, waits, and yields the next. One timer serves the whole body.
pub(crate) struct Chunks {
    next: u64,
    count: u64,
    pause: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.next > self.count {
            return Poll::Ready(None);
        }
        ready!(self.timer.as_mut().poll(cx));
        let line = format!("chunk {} of {}\n", self.next, self.count);
        self.next += 1;
        let next_at = Instant::now() + self.pause;
        self.timer.as_mut().reset(next_at);
        Poll::Ready(Some(Ok(Frame::data(line.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.next > self.count
    }
}

/// The part of the target behind the question mark.
#[derive(Clone, Copy)]
struct Query<'a>(&'a str);

impl Query<'_> {
    /// The value of `name`, within `bounds`; `default` where it is not given.
    fn number(
        self,
        name: &str,
        bounds: RangeInclusive<u64>,
        default: Option<u64>,
    ) -> Result<u64, String> {
        let wrong = |found: &dyn Display| {
            format!("{name}: a number from {} to {}, not {found}\n", bounds.start(), bounds.end())
        };
        let mut values =
            self.0.split('&').filter_map(|pair| pair.split_once('=')).filter(|(n, _)| *n == name);
        let Some((_, value)) = values.next() else {
            return default.ok_or_else(|| wrong(&"nothing"));
        };
        if values.next().is_some() {
            return Err(wrong(&"several"));
        }
        match value.parse() {
            Ok(number) if bounds.contains(&number) => Ok(number),
            _ => Err(wrong(&format_args!("{value:?}"))),
        }
    }
}

/// Counts primes with the sieve of Eratosthenes over the odd numbers.
fn primes_up_to(n: usize) -> usize {
    if n < 2 {
        return 0;
    }
    // `composite[i]` stands for 2 * i + 1; index 0, the number 1, counts for the prime 2.
    let mut composite = vec![false; n.div_ceil(2)];
    let mut i = 1;
    while (2 * i + 1) * (2 * i + 1) <= n {
        if !composite[i] {
            for multiple in (2 * i * (i + 1)..composite.len()).step_by(2 * i + 1) {
                composite[multiple] = true;
            }
        }
        i += 1;
    }
    composite.iter().filter(|&&composite| !composite).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_counted() {
        let known = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (9, 4), (10, 4), (11, 5), (25, 9)];
        for (n, count) in known.into_iter().chain([(49, 15), (100, 25), (1_000_000, 78_498)]) {
            assert_eq!(primes_up_to(n), count, "{n}");
        }
    }

    #[test]
    fn numbers_of_a_query_are_bounded() {
        let query = Query("a=5&b=x&c=&a2=7&d=1&d=2&e=-1&f=11&g=99999999999999999999");
        let get = |name, default| query.number(name, 0..=10, default);
        assert_eq!(get("a", None), Ok(5));
        assert_eq!(get("a2", None), Ok(7));
        assert_eq!(get("missing", Some(3)), Ok(3));
        for name in ["missing", "b", "c", "d", "e", "f", "g"] {
            let told = get(name, None).unwrap_err();
            assert!(told.starts_with(&format!("{name}: a number from 0 to 10, not ")), "{told}");
        }
        assert!(Query("").number("a", 0..=1, None).is_err());
        assert!(Query("&=&a").number("a", 0..=1, None).is_err());
    }

    #[filch::test(start_paused = true)]
    async fn chunks_come_with_pauses_between_them() {
        use http_body_util::BodyExt;
        let Ok(answer) = stream(Query("chunks=3&ms=500")) else { panic!("in bounds") };
        let start = Instant::now();
        let mut body = answer.into_body();
        let mut seen = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            seen.push((String::from_utf8(data.to_vec()).unwrap(), start.elapsed()));
        }
        assert!(body.is_end_stream());
        let lines: Vec<&str> = seen.iter().map(|(line, _)| line.as_str()).collect();
        assert_eq!(lines, ["chunk 1 of 3\n", "chunk 2 of 3\n", "chunk 3 of 3\n"]);
        for pair in seen.windows(2) {
            assert!(pair[1].1 - pair[0].1 >= Duration::from_millis(500));
        }
    }
}

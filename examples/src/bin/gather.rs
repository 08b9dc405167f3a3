//! Fetches several pages at once; the first that fails cancels the others.
//!
//! `cargo run --release -p filch-examples --bin gather -- URL...` prints the status and length of each page,
//! in the order of the URLs, or the first error; 30 s for all together. Plain `http` only.
//! `--self-test` starts a server of its own and checks that pages come back whole and in order, that an
//! error hangs up on the servers that have not answered, and that a limit in time does.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use filch::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use filch::net::{TcpStream, lookup_host};
use filch::sync::Semaphore;
use filch::task::{CancelCause, ScopeBuilder, ScopeError, TaskGroup};
use filch_examples::http_client::Client;
use filch_examples::listen::bind;

/// How long all pages together may take.
const LIMIT: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => usage(),
        [flag] if flag == "--self-test" => self_test(),
        urls => match urls.iter().map(|url| Url::parse(url)).collect() {
            Ok(urls) => run(urls),
            Err(error) => {
                eprintln!("{error}");
                usage()
            }
        },
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: gather URL...\n       gather --self-test");
    ExitCode::from(2)
}

#[filch::main]
async fn run(urls: Vec<Url>) -> ExitCode {
    match gather(urls.clone(), LIMIT).await {
        Ok(pages) => {
            for (url, page) in urls.iter().zip(pages) {
                println!("{url}: {} bytes", page.len());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Fetches all pages at once. When this returns, none is being fetched any more.
async fn gather(urls: Vec<Url>, limit: Duration) -> Result<Vec<Vec<u8>>, ScopeError<io::Error>> {
    let fetches = ScopeBuilder::new().name("gather").timeout(limit).run(|s| async move {
        let fetches: Vec<_> = urls
            .into_iter()
            .map(|url| s.build_task().name(&url.to_string()).spawn(fetch(url)))
            .collect();
        let mut pages = Vec::with_capacity(fetches.len());
        for page in fetches {
            // An error here only says that the page failed; what the scope returns is why.
            pages.push(page.await?);
        }
        Ok(pages)
    });
    fetches.await
}

async fn fetch(url: Url) -> io::Result<Vec<u8>> {
    let said = |error: io::Error| io::Error::new(error.kind(), format!("{url}: {error}"));
    let page = get(&url).await.map_err(said)?;
    Ok(page)
}

async fn get(url: &Url) -> io::Result<Vec<u8>> {
    let address = lookup_host(&*url.host).await?.next().ok_or(io::ErrorKind::NotFound)?;
    let response = Client::connect(address).await?.request("GET", &url.path).await?;
    match response.status {
        200 => Ok(response.body),
        status => Err(io::Error::other(format!("status {status}"))),
    }
}

/// Where a page is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Url {
    /// With the port.
    host: String,
    path: String,
}

impl Url {
    fn parse(text: &str) -> Result<Url, String> {
        let rest = text.strip_prefix("http://").ok_or_else(|| format!("{text}: no http:// URL"))?;
        let (host, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/"),
        };
        if host.is_empty() {
            return Err(format!("{text}: no host"));
        }
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        Ok(Url { host, path: path.to_owned() })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.host, self.path)
    }
}

/// Pages in the self-test.
const PAGES: usize = 50;

/// Requests that are never answered.
const SILENT: usize = 5;

#[filch::main]
async fn self_test() -> ExitCode {
    match check().await {
        Ok(bytes) => {
            println!("self-test passed: {PAGES} pages, {bytes} bytes, {SILENT} cancelled twice");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("self-test failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn check() -> Result<usize, String> {
    let (listener, address) = bind(0).await.map_err(|error| error.to_string())?;
    let server = Server::default();
    let connections = TaskGroup::<io::Error>::named("connections");
    let spawner = connections.scope().clone();
    let serving = server.clone();
    connections.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await?;
            let server = serving.clone();
            spawner.spawn(async move {
                // A client that hangs up is no failure of the server's.
                let _ = server.serve(stream).await;
                Ok(())
            });
        }
        #[allow(unreachable_code, reason = "says the type")]
        Ok(())
    });

    let bytes = check_pages(address).await?;
    check_error(address, &server).await?;
    check_limit(address, &server).await?;

    connections.cancel();
    match connections.join().await {
        Err(ScopeError::Cancelled(CancelCause::Handle)) if connections.is_empty() => Ok(bytes),
        other => Err(format!("the server ended with {other:?}")),
    }
}

/// All pages come back, in order.
async fn check_pages(address: SocketAddr) -> Result<usize, String> {
    let urls = (0..PAGES).map(|number| url(address, &format!("/{number}"))).collect();
    let pages = gather(urls, LIMIT).await.map_err(|error| error.to_string())?;
    for (number, page) in pages.iter().enumerate() {
        if *page != content(number) {
            return Err(format!("page {number}: {} wrong bytes", page.len()));
        }
    }
    Ok(pages.iter().map(Vec::len).sum())
}

/// One page is missing: the others are hung up on.
async fn check_error(address: SocketAddr, server: &Server) -> Result<(), String> {
    let silent = (0..SILENT).map(|_| url(address, "/silent"));
    let urls = silent.chain([url(address, "/missing")]).collect();
    match gather(urls, LIMIT).await {
        Err(ScopeError::Failed(error)) if error.to_string().ends_with("/missing: status 404") => {}
        other => return Err(format!("a missing page gave {other:?}")),
    }
    server.hung_up(SILENT).await
}

/// None answers in time: all are hung up on.
async fn check_limit(address: SocketAddr, server: &Server) -> Result<(), String> {
    let urls = (0..SILENT).map(|_| url(address, "/silent")).collect();
    match gather(urls, Duration::from_millis(100)).await {
        Err(ScopeError::Cancelled(CancelCause::Timeout)) => {}
        other => return Err(format!("silence gave {other:?}")),
    }
    // Those that had come so far.
    let asked = server.silent.available_permits();
    server.hung_up(asked).await
}

fn url(address: SocketAddr, path: &str) -> Url {
    Url { host: address.to_string(), path: path.to_owned() }
}

/// What is on a page: so that no two are alike.
fn content(number: usize) -> Vec<u8> {
    (0..number * 997).map(|i| (i * 31 + number) as u8).collect()
}

/// The self-test's server.
#[derive(Clone)]
struct Server {
    /// A permit for each request that waits in vain.
    silent: Arc<Semaphore>,
    /// A permit for each of them that was hung up on.
    hung_up: Arc<Semaphore>,
}

impl Default for Server {
    fn default() -> Self {
        Server { silent: Arc::new(Semaphore::new(0)), hung_up: Arc::new(Semaphore::new(0)) }
    }
}

impl Server {
    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut request = String::new();
        stream.read_line(&mut request).await?;
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 2 {
            line.clear();
        }
        match request.split(' ').nth(1) {
            Some("/silent") => {
                self.silent.add_permits(1);
                // Until the client has gone.
                let read = stream.read(&mut [0]).await;
                self.hung_up.add_permits(1);
                read.map(drop)
            }
            Some("/missing") => {
                // Not before the silent ones are there to be cancelled.
                if let Ok(all) = self.silent.acquire_many(SILENT as u32).await {
                    all.forget();
                }
                answer(&mut stream, "404 Not Found", b"").await
            }
            Some(path) => {
                let number = path.trim_start_matches('/').parse().unwrap_or(0);
                answer(&mut stream, "200 OK", &content(number)).await
            }
            None => Ok(()),
        }
    }

    /// Waits until so many more clients have hung up on silence.
    async fn hung_up(&self, clients: usize) -> Result<(), String> {
        let all = self.hung_up.acquire_many(clients as u32);
        match filch::time::timeout(LIMIT, all).await {
            Ok(Ok(all)) => {
                all.forget();
                Ok(())
            }
            _ => Err(format!("{clients} connections should be closed, and are not")),
        }
    }
}

async fn answer(stream: &mut BufReader<TcpStream>, status: &str, body: &[u8]) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.get_mut().write_all(head.as_bytes()).await?;
    stream.get_mut().write_all(body).await
}

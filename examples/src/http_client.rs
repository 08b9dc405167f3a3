//! A client for HTTP/1.1 that knows just enough to check a server: one keep-alive connection, bodies
//! with a length or in chunks.
//!
//! Callers: `http_server --self-test`. It trusts its peer with nothing: whatever does not parse is an
//! error of kind `InvalidData`.

use std::io;
use std::net::SocketAddr;

use filch::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use filch::net::TcpStream;

/// The largest body or line taken from a server.
const LARGEST: usize = 1 << 20;

/// One keep-alive connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
}

/// An answer, its body decoded.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body without its framing; empty for HEAD.
    pub body: Vec<u8>,
    /// How many chunks the body came in; 0 without chunked framing.
    pub chunks: usize,
}

impl Response {
    /// The first header of that name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Those of [`TcpStream::connect`].
    ///
    /// # Cancel safety
    /// Dropping it closes the socket.
    pub async fn connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Client { stream: BufReader::new(stream) })
    }

    /// Sends one request without a body and reads the whole answer.
    ///
    /// # Errors
    /// Those of the socket; `UnexpectedEof` if the server closes in between; `InvalidData` for an
    /// answer that is not HTTP/1.1 or too large.
    ///
    /// # Cancel safety
    /// None: the connection is of no use after a dropped request.
    pub async fn request(&mut self, method: &str, path: &str) -> io::Result<Response> {
        self.send(method, path).await?;
        let mut response = self.head().await?;
        if method != "HEAD" {
            self.body(&mut response).await?;
        }
        Ok(response)
    }

    /// The first part of [`request`](Self::request): sends it and reads nothing.
    ///
    /// # Errors
    /// Those of the socket.
    ///
    /// # Cancel safety
    /// None, as `request`.
    pub async fn send(&mut self, method: &str, path: &str) -> io::Result<()> {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        self.stream.get_mut().write_all(head.as_bytes()).await
    }

    /// The second part: status and headers, with an empty body.
    ///
    /// # Errors
    /// As `request`.
    ///
    /// # Cancel safety
    /// None, as `request`.
    pub async fn head(&mut self) -> io::Result<Response> {
        let status = parse_status(&self.line().await?)?;
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(Response { status, headers, body: Vec::new(), chunks: 0 });
            }
            let (name, value) = line.split_once(':').ok_or_else(|| invalid("a header", &line))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The third part: fills in the body that the headers announce. Not after HEAD.
    ///
    /// # Errors
    /// As `request`.
    ///
    /// # Cancel safety
    /// None, as `request`.
    pub async fn body(&mut self, response: &mut Response) -> io::Result<()> {
        if response.header("transfer-encoding") == Some("chunked") {
            self.chunked(response).await?;
        } else if let Some(length) = response.header("content-length") {
            let length: usize = length.parse().map_err(|_| invalid("a length", length))?;
            self.extend(&mut response.body, length).await?;
        }
        Ok(())
    }

    async fn chunked(&mut self, response: &mut Response) -> io::Result<()> {
        loop {
            let line = self.line().await?;
            let length =
                usize::from_str_radix(&line, 16).map_err(|_| invalid("a chunk's length", &line))?;
            self.extend(&mut response.body, length).await?;
            let end = self.line().await?;
            if !end.is_empty() {
                return Err(invalid("the end of a chunk", &end));
            }
            if length == 0 {
                return Ok(());
            }
            response.chunks += 1;
        }
    }

    async fn extend(&mut self, body: &mut Vec<u8>, length: usize) -> io::Result<()> {
        let start = body.len();
        let end = start.saturating_add(length);
        if end > LARGEST {
            return Err(invalid("a body of at most 1 MiB", &end.to_string()));
        }
        body.resize(end, 0);
        self.stream.read_exact(&mut body[start..]).await.map(|_| ())
    }

    /// One line without its line end.
    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        let limit = LARGEST as u64;
        let read = (&mut self.stream).take(limit).read_line(&mut line).await?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None if read == LARGEST => Err(invalid("a line of at most 1 MiB", "a longer one")),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn parse_status(line: &str) -> io::Result<u16> {
    line.strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| invalid("a status line", line))
}

fn invalid(expected: &str, found: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("expected {expected}, found {found:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use filch::net::TcpListener;

    /// Serves `answer` to one connection and closes; gives what the client makes of it.
    async fn answered(method: &str, answer: &'static [u8]) -> io::Result<Response> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = filch::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            assert_ne!(stream.read(&mut head).await.unwrap(), 0);
            stream.write_all(answer).await.unwrap();
        });
        let response = Client::connect(address).await.unwrap().request(method, "/").await;
        server.await.unwrap();
        response
    }

    #[filch::test]
    async fn bodies_by_length_in_chunks_and_without() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y \r\n\r\nhi";
        let response = answered("GET", answer).await.unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "hi"));
        assert_eq!(response.header("x"), Some("y"));
        assert_eq!(response.header("z"), None);

        let chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\nA\r\n0123456789\r\n0\r\n\r\n";
        let response = answered("GET", chunks).await.unwrap();
        assert_eq!((response.text().as_str(), response.chunks), ("ab0123456789", 2));

        let head = answered("HEAD", b"HTTP/1.1 404 No\r\ncontent-length: 9\r\n\r\n").await.unwrap();
        assert_eq!((head.status, head.body.len()), (404, 0));
    }

    #[filch::test]
    async fn answers_that_are_wrong_are_errors() {
        for (answer, kind) in [
            (&b"HTTP/1.0 200 OK\r\n\r\n"[..], io::ErrorKind::InvalidData),
            (b"HTTP/1.1 abc\r\n\r\n", io::ErrorKind::InvalidData),
            (b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", io::ErrorKind::InvalidData),
            (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", io::ErrorKind::InvalidData),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n", io::ErrorKind::InvalidData),
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
                io::ErrorKind::InvalidData,
            ),
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n",
                io::ErrorKind::InvalidData,
            ),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc", io::ErrorKind::UnexpectedEof),
            (b"HTTP/1.1 200 OK\r\n", io::ErrorKind::UnexpectedEof),
        ] {
            let error = answered("GET", answer).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{}: {error}", String::from_utf8_lossy(answer));
        }
    }
}

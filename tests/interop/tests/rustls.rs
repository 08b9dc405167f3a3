//! TLS by rustls: through futures-rustls, which knows futures-io's traits, and through tokio-rustls, which
//! knows tokio's. Both stand directly on filch's `TcpStream`.

use std::io::ErrorKind;
use std::sync::Arc;

use filch::net::TcpStream;
use filch::task::JoinSet;
use filch_interop_tests::{check_leaks, listen, on_each, pair, payload};
use futures_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use futures_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto};

const TESTS: [fn(); 6] = [
    futures_rustls_echoes_many_at_once,
    tokio_rustls_echoes_many_at_once,
    each_speaks_with_the_other,
    a_wrong_name_fails_the_handshake,
    a_connection_cut_is_not_taken_for_its_end,
    a_client_that_speaks_no_tls_is_refused,
];

/// Connections at once.
const CONNECTIONS: usize = 6;
/// What each sends and gets back: many TLS records, and more than the sockets' buffers take at first.
const LEN: usize = 300_000;

/// A certificate for `localhost` that signs itself, and clients that trust it.
fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(signed.cert.der().to_vec());
    let key = PrivateKeyDer::Pkcs8(signed.key_pair.serialize_der().into());
    let provider = Arc::new(crypto::ring::default_provider());

    let server = ServerConfig::builder_with_provider(provider.clone());
    let server = server.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let server = server.with_single_cert(vec![certificate.clone()], key).unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider);
    let client = client.with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// One crate's way to serve and to connect: a module each, since their methods have the same names.
mod by_futures {
    use super::*;
    use futures_rustls::{TlsAcceptor, TlsConnector, client, server};
    use futures_util::io::{AsyncReadExt, AsyncWriteExt, copy};

    pub async fn accept(
        config: Arc<ServerConfig>,
        stream: TcpStream,
    ) -> std::io::Result<server::TlsStream<TcpStream>> {
        TlsAcceptor::from(config).accept(stream).await
    }

    pub async fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        stream: TcpStream,
    ) -> std::io::Result<client::TlsStream<TcpStream>> {
        TlsConnector::from(config).connect(name, stream).await
    }

    /// Sends back what comes, until the client says that this is all.
    pub async fn echo(config: Arc<ServerConfig>, stream: TcpStream) -> std::io::Result<u64> {
        let (reader, mut writer) = accept(config, stream).await?.split();
        let n = copy(reader, &mut writer).await?;
        writer.close().await?;
        Ok(n)
    }

    /// Sends, and what comes back.
    pub async fn ask(config: Arc<ClientConfig>, stream: TcpStream, bytes: Vec<u8>) -> Vec<u8> {
        let tls = connect(config, localhost(), stream).await.unwrap();
        let (mut reader, mut writer) = tls.split();
        let writing = filch::spawn(async move {
            writer.write_all(&bytes).await.unwrap();
            writer.close().await.unwrap();
        });
        let mut answer = Vec::new();
        reader.read_to_end(&mut answer).await.unwrap();
        writing.await.unwrap();
        answer
    }
}

mod by_tokio {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    /// Sends back what comes, until the client says that this is all.
    pub async fn echo(config: Arc<ServerConfig>, stream: TcpStream) -> std::io::Result<u64> {
        let (mut reader, mut writer) = split(TlsAcceptor::from(config).accept(stream).await?);
        let n = copy(&mut reader, &mut writer).await?;
        writer.shutdown().await?;
        Ok(n)
    }

    /// Sends, and what comes back.
    pub async fn ask(config: Arc<ClientConfig>, stream: TcpStream, bytes: Vec<u8>) -> Vec<u8> {
        let tls = TlsConnector::from(config).connect(localhost(), stream).await.unwrap();
        let (mut reader, mut writer) = split(tls);
        let writing = filch::spawn(async move {
            writer.write_all(&bytes).await.unwrap();
            writer.shutdown().await.unwrap();
        });
        let mut answer = Vec::new();
        reader.read_to_end(&mut answer).await.unwrap();
        writing.await.unwrap();
        answer
    }
}

/// Many clients of one listener at once, each of which gets its own bytes back.
macro_rules! echoes_many_at_once {
    ($server:ident, $client:ident) => {
        on_each(|| async {
            let (for_servers, for_clients) = configs();
            let (listener, addr) = listen().await;
            let server = filch::spawn(async move {
                let mut echoes = JoinSet::new();
                for _ in 0..CONNECTIONS {
                    let (stream, _) = listener.accept().await.unwrap();
                    echoes.spawn($server::echo(for_servers.clone(), stream));
                }
                while let Some(echo) = echoes.join_next().await {
                    assert_eq!(echo.unwrap().unwrap(), LEN as u64);
                }
            });
            let mut clients = JoinSet::new();
            for i in 0..CONNECTIONS {
                let config = for_clients.clone();
                clients.spawn(async move {
                    let stream = TcpStream::connect(addr).await.unwrap();
                    let sent = payload(i, LEN);
                    let answer = $client::ask(config, stream, sent.clone()).await;
                    assert!(answer == sent, "{i}: {} bytes", answer.len());
                });
            }
            while let Some(client) = clients.join_next().await {
                client.unwrap();
            }
            server.await.unwrap();
        })
    };
}

#[test]
fn futures_rustls_echoes_many_at_once() {
    echoes_many_at_once!(by_futures, by_futures);
}

#[test]
fn tokio_rustls_echoes_many_at_once() {
    echoes_many_at_once!(by_tokio, by_tokio);
}

#[test]
fn each_speaks_with_the_other() {
    echoes_many_at_once!(by_futures, by_tokio);
    echoes_many_at_once!(by_tokio, by_futures);
}

#[test]
fn a_wrong_name_fails_the_handshake() {
    on_each(|| async {
        let (for_server, for_client) = configs();
        let (near, far) = pair().await;
        let server = filch::spawn(by_futures::echo(for_server, far));
        let name = ServerName::try_from("example.org").unwrap();
        let error = by_futures::connect(for_client, name, near).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(server.await.unwrap().unwrap_err().kind(), ErrorKind::InvalidData);
    });
}

#[test]
fn a_connection_cut_is_not_taken_for_its_end() {
    on_each(|| async {
        use futures_util::io::AsyncReadExt;

        let (for_server, for_client) = configs();
        let (near, far) = pair().await;
        let server = filch::spawn(async move {
            // Gone after the handshake, without a word of TLS.
            drop(by_futures::accept(for_server, far).await.unwrap());
        });
        let mut tls = by_futures::connect(for_client, localhost(), near).await.unwrap();
        let error = tls.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        server.await.unwrap();
    });
}

#[test]
fn a_client_that_speaks_no_tls_is_refused() {
    on_each(|| async {
        use filch::io::AsyncWriteExt;

        let (for_server, _) = configs();
        let (mut near, far) = pair().await;
        let server = filch::spawn(by_tokio::echo(for_server, far));
        near.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
        assert_eq!(server.await.unwrap().unwrap_err().kind(), ErrorKind::InvalidData);
    });
}

#[test]
fn nothing_is_left_behind() {
    check_leaks(&TESTS);
}

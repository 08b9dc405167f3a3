//! WebSockets by async-tungstenite, on filch's `TcpStream` as it is.

use async_tungstenite::tungstenite::Error;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, Message};
use async_tungstenite::{WebSocketStream, accept_async, client_async};
use filch::net::TcpStream;
use filch::task::JoinSet;
use filch_interop_tests::{check_leaks, listen, on_each, pair, payload};
use futures_util::StreamExt;

const TESTS: [fn(); 3] =
    [messages_come_back_in_order, many_clients_hear_what_one_says, a_connection_cut_is_an_error];

/// The two ends of a WebSocket connection.
async fn websockets() -> (WebSocketStream<TcpStream>, WebSocketStream<TcpStream>) {
    let (near, far) = pair().await;
    let server = filch::spawn(async move { accept_async(far).await.unwrap() });
    let (client, response) = client_async("ws://localhost/chat", near).await.unwrap();
    assert_eq!(response.status(), 101);
    (client, server.await.unwrap())
}

#[test]
fn messages_come_back_in_order() {
    on_each(|| async {
        let (mut client, mut server) = websockets().await;
        let echo = filch::spawn(async move {
            while let Some(message) = server.next().await {
                match message.unwrap() {
                    message @ (Message::Text(_) | Message::Binary(_)) => {
                        server.send(message).await.unwrap();
                    }
                    Message::Close(frame) => assert_eq!(frame.unwrap().code, CloseCode::Normal),
                    // Answered by the library.
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                }
            }
        });
        for i in 0..20 {
            let text = Message::text(format!("message {i}"));
            client.send(text.clone()).await.unwrap();
            assert_eq!(client.next().await.unwrap().unwrap(), text);
        }
        // More than the sockets' buffers hold: both sides write and read in turns.
        let large = Message::binary(payload(0, 1 << 20));
        client.send(large.clone()).await.unwrap();
        assert!(client.next().await.unwrap().unwrap() == large);
        client.send(Message::Ping(b"?".to_vec().into())).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong(b"?".to_vec().into()));
        let frame = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
        client.close(Some(frame)).await.unwrap();
        assert!(matches!(client.next().await, Some(Ok(Message::Close(Some(_))))));
        assert!(client.next().await.is_none());
        echo.await.unwrap();
    });
}

#[test]
fn many_clients_hear_what_one_says() {
    const CLIENTS: usize = 8;
    on_each(|| async {
        let (listener, addr) = listen().await;
        let (say, _) = filch::sync::broadcast::channel(16);
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(async move {
                let stream = TcpStream::connect(addr).await.unwrap();
                let (client, _) = client_async("ws://localhost/", stream).await.unwrap();
                client
                    .map(|message| message.unwrap().into_text().unwrap().to_string())
                    .take(3)
                    .collect::<Vec<_>>()
                    .await
            });
        }
        let mut servers = JoinSet::new();
        for _ in 0..CLIENTS {
            let (stream, _) = listener.accept().await.unwrap();
            let mut hear = say.subscribe();
            servers.spawn(async move {
                let mut server = accept_async(stream).await.unwrap();
                while let Ok(text) = hear.recv().await {
                    let text: &str = text;
                    if server.send(Message::text(text)).await.is_err() {
                        break;
                    }
                }
            });
        }
        for text in ["one", "two", "three"] {
            say.send(text).unwrap();
        }
        drop(say);
        while let Some(heard) = clients.join_next().await {
            assert_eq!(heard.unwrap(), ["one", "two", "three"]);
        }
        while let Some(server) = servers.join_next().await {
            server.unwrap();
        }
    });
}

#[test]
fn a_connection_cut_is_an_error() {
    on_each(|| async {
        let (mut client, server) = websockets().await;
        drop(server);
        assert!(matches!(client.next().await, Some(Err(Error::Protocol(_) | Error::Io(_)))));
    });
}

#[test]
fn nothing_is_left_behind() {
    check_leaks(&TESTS);
}

//! One socket: the protocol's frames on a WebSocket, acknowledged as a browser acknowledges.

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use protocol::{
    codec,
    frame::{ToBrowser, ToNode},
    limits::{ACK_EVERY, FRAME_DOWN_BYTES},
    version::WIRE,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{ClientRequestBuilder, Message, Utf8Bytes, http::Uri, protocol::WebSocketConfig},
};

use crate::site::{Site, Stream};

/// A socket after `hello` and `welcome`.
pub(crate) struct Wire {
    socket: WebSocketStream<Box<dyn Stream>>,
    received: u32,
    acknowledged: u32,
}

impl Wire {
    /// Connects with a cookie and says hello; the answer is the welcome.
    pub(crate) async fn connect(site: &Site, cookie: &str) -> Result<(Self, ToBrowser)> {
        let stream = site.connect().await?;
        let scheme = if site.origin.starts_with("https") { "wss" } else { "ws" };
        let uri: Uri = format!("{scheme}://{}/ws", site.host).parse()?;
        let request = ClientRequestBuilder::new(uri)
            .with_header("Cookie", cookie)
            .with_header("Origin", site.origin.as_ref());
        // A thousand sockets in one process: small buffers, and none that grows without end.
        let config = WebSocketConfig::default()
            .read_buffer_size(16 * 1024)
            .write_buffer_size(0)
            .max_write_buffer_size(4 * 1024 * 1024)
            .max_message_size(Some(FRAME_DOWN_BYTES));
        let (socket, _) = client_async_with_config(request, stream, Some(config))
            .await
            .context("the node refuses the socket")?;
        let mut wire = Self { socket, received: 0, acknowledged: 0 };
        wire.send(&ToNode::Hello { version: WIRE }).await?;
        let text = wire.next().await?;
        match decode(&text)? {
            welcome @ ToBrowser::Welcome { .. } => Ok((wire, welcome)),
            other => bail!("the first frame is not a welcome but {other:?}"),
        }
    }

    /// Sends one frame.
    pub(crate) async fn send(&mut self, frame: &ToNode) -> Result<()> {
        self.socket.send(Message::text(codec::to_json(frame))).await.context("the socket is gone")
    }

    /// The next frame's text; acknowledges when enough have come.
    pub(crate) async fn next(&mut self) -> Result<Utf8Bytes> {
        loop {
            match self.socket.next().await.context("the node closed the socket")?? {
                Message::Text(text) => {
                    self.received += 1;
                    return Ok(text);
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => bail!("the node sent {other:?} where only text is spoken"),
            }
        }
    }

    /// Acknowledges what came, when it is time.
    pub(crate) async fn acknowledge(&mut self) -> Result<()> {
        if (self.received - self.acknowledged) as usize >= ACK_EVERY / 2 {
            self.acknowledged = self.received;
            self.send(&ToNode::Ack { frames: self.received }).await?;
        }
        Ok(())
    }
}

/// A frame in full.
pub(crate) fn decode(text: &str) -> Result<ToBrowser> {
    Ok(codec::from_json::<ToBrowser, FRAME_DOWN_BYTES>(text)?)
}

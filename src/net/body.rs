//! Content as it arrives, for those who read and wait.

use std::io;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use bytes::Buf as _;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::header;

use crate::net::NetError;
use crate::net::client::Client;
use crate::net::client::Incoming;

/// Bytes that must arrive in each second, on average over the time that silence is borne: slower is silence.
const BYTES_PER_SECOND_MIN: u64 = 64;

/// A stream of content that is pulled piece by piece: no more is in memory than one piece and what the connection holds back.
pub(super) struct BodyReader {
    client: Arc<Client>,
    pieces: BoxStream<'static, Result<Bytes, NetError>>,
    piece: Bytes,
    address: String,
    pace: Pace,
}

impl BodyReader {
    /// Takes a stream.
    pub(super) fn new(client: &Arc<Client>, address: &str, pieces: BoxStream<'static, Result<Bytes, NetError>>) -> BodyReader {
        let pace = Pace::new(client.silence_max());
        BodyReader { client: Arc::clone(client), pieces, piece: Bytes::new(), address: address.to_owned(), pace }
    }

    /// Takes the content of an answer as it is.
    pub(super) fn of_answer(client: &Arc<Client>, answer: Incoming) -> BodyReader {
        let address = answer.address.clone();
        let url = answer.content.url().clone();
        let teller = Arc::clone(client);
        let pieces = answer.content.bytes_stream().map(move |piece| piece.map_err(|error| teller.broken(&url, error)));
        BodyReader::new(client, &address, pieces.boxed())
    }

    /// Gives the next piece; `None` at the end.
    pub(super) async fn next_piece(&mut self) -> Result<Option<Bytes>, NetError> {
        let begun = Instant::now();
        match tokio::time::timeout(self.pace.silence_max, self.pieces.next()).await {
            Ok(Some(Ok(piece))) if !self.pace.is_too_slow(piece.len() as u64, begun.elapsed()) => Ok(Some(piece)),
            Ok(Some(Err(error))) => Err(error),
            Ok(None) => Ok(None),
            Ok(Some(Ok(_))) | Err(_) => {
                Err(NetError::Timeout { address: self.address.clone(), missing: "next to nothing arrived", limit: self.pace.silence_max })
            }
        }
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let client = Arc::clone(&self.client);
        while self.piece.is_empty() && !buffer.is_empty() {
            match client.wait_for(self.next_piece()) {
                Ok(Some(piece)) => self.piece = piece,
                Ok(None) => return Ok(0),
                Err(error) => return Err(error.into_io()),
            }
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// Watches how much arrives: one byte now and then would keep a connection alive for ever.
struct Pace {
    silence_max: Duration,
    /// How long the reader waited; the time it spends elsewhere is not the sender's.
    waited: Duration,
    bytes: u64,
}

impl Pace {
    fn new(silence_max: Duration) -> Pace {
        Pace { silence_max, waited: Duration::ZERO, bytes: 0 }
    }

    /// Counts what arrived after how long; judges once in each time that silence is borne.
    fn is_too_slow(&mut self, bytes: u64, waited: Duration) -> bool {
        self.bytes += bytes;
        self.waited += waited;
        if self.waited < self.silence_max {
            return false;
        }
        let too_slow = self.bytes < self.waited.as_secs().max(1) * BYTES_PER_SECOND_MIN;
        (self.waited, self.bytes) = (Duration::ZERO, 0);
        too_slow
    }
}

/// How the bytes of an answer stand to those that were asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// They are the same.
    Plain,
    /// Somebody on the way compressed them.
    Gzip,
}

/// Reads `Content-Encoding`; a file that is compressed itself is often labelled so by servers, and is meant as it is.
pub(super) fn coding(answer: &Incoming, path: &str) -> Result<Coding, NetError> {
    let Some(encoding) = answer.header(&header::CONTENT_ENCODING).map(str::trim) else { return Ok(Coding::Plain) };
    coding_of(encoding, path).ok_or_else(|| NetError::Encoded { address: answer.address.clone(), encoding: encoding.escape_debug().to_string() })
}

fn coding_of(encoding: &str, path: &str) -> Option<Coding> {
    let encoding = encoding.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| path.ends_with(ending));
    match encoding.as_str() {
        "" | "identity" => Some(Coding::Plain),
        "gzip" | "x-gzip" if ends(&[".gz", ".tgz"]) => Some(Coding::Plain),
        "zstd" if ends(&[".zst"]) => Some(Coding::Plain),
        "gzip" | "x-gzip" => Some(Coding::Gzip),
        _ => None,
    }
}

/// Undoes what somebody on the way did.
pub(super) fn decoded(reader: BodyReader, coding: &Coding) -> Box<dyn Read + Send> {
    match coding {
        Coding::Plain => Box::new(reader),
        Coding::Gzip => Box::new(MultiGzDecoder::new(reader)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_undone_only_where_somebody_added_them() {
        let check = |encoding: &str, path: &str, expected: Option<Coding>| assert_eq!(coding_of(encoding, path), expected, "{encoding} {path}");
        check("", "a.json", Some(Coding::Plain));
        check("identity", "a.json", Some(Coding::Plain));
        check("gzip", "a.json", Some(Coding::Gzip));
        check("X-GZIP", "a.tar.zst", Some(Coding::Gzip));
        check("gzip", "a.tar.gz", Some(Coding::Plain));
        check("x-gzip", "a.tgz", Some(Coding::Plain));
        check("zstd", "names.json.zst", Some(Coding::Plain));
        check("zstd", "a.json", None);
        check("br", "a.json", None);
        check("gzip, br", "a.json", None);
    }

    #[test]
    fn a_trickle_is_silence() {
        let check = |arrivals: &[(u64, u64)], expected: bool| {
            let mut pace = Pace::new(Duration::from_secs(2));
            let judged = arrivals.iter().any(|(bytes, seconds)| pace.is_too_slow(*bytes, Duration::from_secs(*seconds)));
            assert_eq!(judged, expected, "{arrivals:?}");
        };
        check(&[(1, 1)], false);
        check(&[(1, 1), (1, 1)], true);
        check(&[(1, 1), (200, 1)], false);
        check(&[(9000, 2), (1, 1), (1, 1)], true);
        check(&[(64, 0), (64, 2), (0, 1)], false);
    }
}

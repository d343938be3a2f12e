//! Decodes `Content-Encoding`. None is requested, but some servers compress anyway. The payload is saved as received and decoded
//! from the disk, so that nothing is lost if it can't be decoded.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// How much is decoded at once, in bytes.
const CHUNK_SIZE: usize = 64 * 1024;
/// More layers than any server has a reason for.
const MAX_LAYERS: usize = 4;

/// One compression layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
    /// An unsupported coding, by its name.
    Unknown(String),
}

/// Why decoding failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodingError {
    /// The coding is not supported.
    #[error("{0} is not known here")]
    Unknown(String),
    /// It has too many layers.
    #[error("it is compressed more than {MAX_LAYERS} times over")]
    TooManyLayers,
    /// The data does not match its header, or it is damaged.
    #[error("it is not valid: {0}")]
    Invalid(#[source] io::Error),
    /// The disk refused.
    #[error("it can't be written: {0}")]
    Disk(#[source] io::Error),
}

impl Coding {
    /// The layers that the values of `Content-Encoding` name, the outermost last. Values that are no coding, such as the character
    /// sets that some servers send, are ignored, as in browsers.
    pub(crate) fn layers<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<Self> {
        const NONE: [&str; 9] = ["", "identity", "none", "binary", "7bit", "8bit", "utf-8", "utf8", "iso-8859-1"];
        let values: Vec<String> = values.map(|value| String::from_utf8_lossy(value).to_ascii_lowercase()).collect();
        let words = values.iter().flat_map(|value| value.split(',')).map(str::trim);
        let layers = words.filter(|word| !NONE.contains(word)).map(|word| match word {
            "gzip" | "x-gzip" => Self::Gzip,
            "deflate" | "x-deflate" => Self::Deflate,
            "br" => Self::Brotli,
            "zstd" => Self::Zstd,
            other => Self::Unknown(other.to_owned()),
        });
        layers.collect()
    }

    /// Its name, for the operator.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Unknown(name) => name,
        }
    }

    /// The extension of a file with this coding.
    pub(crate) fn extension(&self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Deflate => ".zz",
            Self::Brotli => ".br",
            Self::Zstd => ".zst",
            Self::Unknown(name) if name.trim_start_matches("x-") == "compress" => ".Z",
            Self::Unknown(_) => ".encoded",
        }
    }
}

/// Decodes every layer of a file, and passes the result to `write`.
///
/// # Errors
///
/// If a layer can't be decoded, or `write` fails. What was written until then is useless.
pub(crate) fn decode(
    file: File,
    layers: &[Coding],
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), CodingError> {
    if layers.len() > MAX_LAYERS {
        return Err(CodingError::TooManyLayers);
    }
    let mut reader: Box<dyn BufRead> = Box::new(BufReader::with_capacity(CHUNK_SIZE, file));
    for layer in layers.iter().rev() {
        reader = layer.reader(reader)?;
    }
    let mut chunk = vec![0; CHUNK_SIZE];
    loop {
        let read = match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CodingError::Invalid(error)),
        };
        write(chunk.get(..read).unwrap_or_default()).map_err(CodingError::Disk)?;
    }
}

impl Coding {
    fn reader(&self, mut coded: Box<dyn BufRead>) -> Result<Box<dyn BufRead>, CodingError> {
        let plain: Box<dyn Read> = match self {
            Self::Gzip => Box::new(Gunzip(Some(GzDecoder::new(coded)))),
            // Some servers omit the zlib header. The first two bytes tell the two forms apart.
            Self::Deflate if is_zlib(coded.fill_buf().map_err(CodingError::Invalid)?) => {
                Box::new(ZlibDecoder::new(coded))
            }
            Self::Deflate => Box::new(DeflateDecoder::new(coded)),
            Self::Brotli => Box::new(brotli_decompressor::Decompressor::new(coded, CHUNK_SIZE)),
            Self::Zstd => Box::new(Unzstd { coded, decoder: FrameDecoder::new(), in_frame: false }),
            Self::Unknown(name) => return Err(CodingError::Unknown(name.clone())),
        };
        Ok(Box::new(BufReader::with_capacity(CHUNK_SIZE, plain)))
    }
}

fn is_zlib(start: &[u8]) -> bool {
    matches!(start, [method, flags, ..]
        if method & 0x0f == 8 && (u32::from(*method) << 8 | u32::from(*flags)).is_multiple_of(31))
}

/// Decodes every member of a gzip file. What follows the last one is padding.
struct Gunzip(Option<GzDecoder<Box<dyn BufRead>>>);

impl Read for Gunzip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let read = member.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            let Some(mut coded) = self.0.take().map(GzDecoder::into_inner) else { break };
            if coded.fill_buf()?.first() == Some(&0x1f) {
                self.0 = Some(GzDecoder::new(coded));
            }
        }
        Ok(0)
    }
}

/// Decodes every frame of a zstd file.
struct Unzstd {
    coded: Box<dyn BufRead>,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl Read for Unzstd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame && !self.begin_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.coded, one).map_err(io::Error::other)?;
            }
            let read = self.decoder.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            let stored = self.decoder.get_checksum_from_data();
            if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is another"));
            }
            self.in_frame = false;
        }
    }
}

impl Unzstd {
    /// Reads the header of the next frame. Returns whether there is one.
    fn begin_frame(&mut self) -> io::Result<bool> {
        while !self.coded.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.coded) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut (&mut self.coded).take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::*;

    /// [`PLAIN`] compressed by `zstd -c`.
    const ZSTD: &[u8] = &[
        0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58, 0x75, 0x00, 0x00, 0x40, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x2c, 0x20, 0x0a,
        0x01, 0x00, 0xe2, 0x8a, 0x11, 0x21, 0x69, 0x9d, 0x87,
    ];
    /// `hello` in an uncompressed block.
    const BROTLI: &[u8] = b"\x0b\x02\x80hello\x03";
    const PLAIN: &[u8] = b"hello, hello, hello\n";

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    fn decoded(bytes: &[u8], header: &str) -> Result<Vec<u8>, String> {
        let layers = Coding::layers([header.as_bytes()].into_iter());
        let mut plain = Vec::new();
        let done = decode(file(bytes), &layers, |chunk| {
            plain.extend_from_slice(chunk);
            Ok(())
        });
        done.map(|()| plain).map_err(|error| error.to_string())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        coder.write_all(bytes).unwrap();
        coder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut coder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        coder.write_all(bytes).unwrap();
        coder.finish().unwrap()
    }

    fn raw(bytes: &[u8]) -> Vec<u8> {
        let mut coder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        coder.write_all(bytes).unwrap();
        coder.finish().unwrap()
    }

    #[test]
    fn every_coding_that_servers_use_is_decoded() {
        for (bytes, header) in [
            (gzip(PLAIN), "gzip"),
            (gzip(PLAIN), " X-GZIP "),
            (gzip(PLAIN), "identity, gzip"),
            (gzip(&gzip(PLAIN)), "gzip, gzip"),
            (zlib(&gzip(PLAIN)), "gzip, deflate"),
            ([gzip(b"hello, "), gzip(b"hello, hello\n")].concat(), "gzip"),
            ([gzip(PLAIN), vec![0; 512]].concat(), "gzip"),
            (zlib(PLAIN), "deflate"),
            (raw(PLAIN), "deflate"),
            (PLAIN.to_vec(), "identity"),
            (PLAIN.to_vec(), "UTF-8"),
            (PLAIN.to_vec(), ""),
        ] {
            assert_eq!(decoded(&bytes, header).as_deref(), Ok(PLAIN), "{header}");
        }
        assert_eq!(decoded(&gzip(b""), "gzip").as_deref(), Ok(&b""[..]));
        assert_eq!(decoded(BROTLI, "br").as_deref(), Ok(&b"hello"[..]));
        let large: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        assert!(decoded(&gzip(&large), "gzip").is_ok_and(|plain| plain == large));
    }

    #[test]
    fn zstd_is_decoded_frame_by_frame() {
        assert_eq!(decoded(ZSTD, "zstd").as_deref(), Ok(PLAIN));
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3], ZSTD, ZSTD].concat();
        assert_eq!(decoded(&skipped, "zstd"), Ok([PLAIN, PLAIN].concat()));
        let mut other = ZSTD.to_vec();
        *other.last_mut().unwrap() ^= 1;
        assert!(decoded(&other, "zstd").is_err(), "the checksum was not looked at");
    }

    #[test]
    fn truncated_damaged_or_unknown_data_is_an_error_and_never_half_a_file() {
        for (bytes, header) in [
            (&gzip(PLAIN)[..20], "gzip"),
            (&zlib(PLAIN)[..8], "deflate"),
            (&ZSTD[..12], "zstd"),
            (&BROTLI[..6], "br"),
            (PLAIN, "gzip"),
            (PLAIN, "zstd"),
            (PLAIN, "compress"),
            (PLAIN, "sdch"),
            (PLAIN, "gzip, gzip, gzip, gzip, gzip"),
        ] {
            assert!(decoded(bytes, header).is_err(), "{header}");
        }
        let mut damaged = gzip(PLAIN);
        let last = damaged.len() - 6;
        damaged[last] ^= 0xff;
        assert!(decoded(&damaged, "gzip").is_err(), "the checksum was not looked at");
    }
}

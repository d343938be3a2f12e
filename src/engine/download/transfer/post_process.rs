//! Processes a complete payload before it is named: decompresses it if the server compressed it, and decrypts it if that is
//! on. Each step writes a second file, so that a failure leaves the payload as it was received.

use bytes::Bytes;

use crate::activity::{Decryption, DownloadReceipt};
use crate::engine::download::DownloadJob;
use crate::engine::download::part_file::{self, Destination, PartFile};
use crate::engine::download::save_error::{UnwrapError, WriterPanicked};
use crate::engine::events::event::{DownloadStage, Severity};
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::runtime::transfer_rate::ProgressMeter;
use crate::protocol::DataKey;

use super::coding::{self, Coding};
use super::decrypt;

impl DownloadJob {
    /// The space needed in bytes: during decryption both files are on the disk.
    pub(crate) fn space_needed(&self, size: u64) -> u64 {
        if self.key.is_some() { size.saturating_mul(2) } else { size }
    }

    /// Decrypts the payload, if that is on. If it can't be decrypted, it stays as received, under a name that says so.
    /// `None` if the file is lost.
    pub(crate) async fn decrypt(
        &self,
        part: PartFile,
        spot: &mut Destination,
        receipt: &mut DownloadReceipt,
    ) -> Option<PartFile> {
        if !self.saving.decrypt {
            return Some(part);
        }
        let (part, why) = if let Some(key) = self.key.clone() {
            self.publish_progress(
                spot,
                &ProgressMeter::new(tokio::time::Instant::now()),
                Some(part.size()),
                DownloadStage::Decrypting,
            );
            let place = spot.clone();
            let decrypted =
                self.blocking::<_, WriterPanicked, _>(move || Ok(decrypt(part, &place, &key))).await.ok()?;
            match decrypted {
                Ok(plain) => {
                    receipt.decryption = Decryption::Done;
                    return Some(plain);
                }
                Err(refused) => *refused,
            }
        } else {
            (part, UnwrapError::NoKey)
        };
        receipt.decryption = Decryption::Refused;
        let name = std::mem::take(&mut spot.name);
        spot.name = part_file::with_extension(&name, ".encrypted");
        spot.replace = false;
        let (name, kept_name) = (name.display().to_string(), spot.name.display().to_string());
        self.notice(Severity::Warning, NoticeReason::NotDecrypted { name, why: why.into(), kept_name }, None);
        Some(part)
    }

    /// Decodes what the server compressed without being asked. If it can't be decoded, it stays as received, under a name that says so,
    /// and the second value is false. `None` if the file is lost.
    pub(crate) async fn decode(
        &self,
        part: PartFile,
        destination: &mut Destination,
        codings: &[Coding],
    ) -> Option<(PartFile, bool)> {
        let Some(outermost) = codings.last() else { return Some((part, true)) };
        let (place, layers) = (destination.clone(), codings.to_vec());
        let decoded =
            self.blocking::<_, WriterPanicked, _>(move || Ok(decompress(part, &place, &layers))).await.ok()?;
        let (part, why) = match decoded {
            Ok(plain) => return Some((plain, true)),
            Err(refused) => *refused,
        };
        let name = std::mem::take(&mut destination.name);
        destination.name = part_file::with_extension(&name, outermost.extension());
        destination.replace = false;
        let (name, kept_name) = (name.display().to_string(), destination.name.display().to_string());
        let reason =
            NoticeReason::NotDecompressed { name, coding: outermost.name().to_owned(), why: why.into(), kept_name };
        self.notice(Severity::Warning, reason, None);
        Some((part, false))
    }
}

/// Decompresses a part file into another one in the same folder; on failure returns the original and the reason.
fn decompress(
    part: PartFile,
    place: &Destination,
    layers: &[Coding],
) -> Result<PartFile, Box<(PartFile, UnwrapError)>> {
    let mut plain = match PartFile::create(place) {
        Ok(plain) => plain,
        Err(error) => return Err(Box::new((part, error.into()))),
    };
    let decoded = part
        .reopen()
        .map_err(coding::CodingError::Disk)
        .and_then(|file| coding::decode(file, layers, |bytes| plain.write(&mut Bytes::copy_from_slice(bytes))));
    match decoded {
        Ok(()) => Ok(plain),
        Err(why) => Err(Box::new((part, why.into()))),
    }
}

/// Decrypts a part file into another one in the same folder; on failure returns the original and the reason.
fn decrypt(part: PartFile, place: &Destination, key: &DataKey) -> Result<PartFile, Box<(PartFile, UnwrapError)>> {
    let mut plain = match PartFile::create(place) {
        Ok(plain) => plain,
        Err(error) => return Err(Box::new((part, error.into()))),
    };
    let opened = part.reopen().map_err(decrypt::DecryptError::from);
    let opened = opened.and_then(|mut file| {
        decrypt::decrypt(&mut file, part.size(), key, |bytes| plain.write(&mut Bytes::copy_from_slice(bytes)))
    });
    match opened {
        Ok(()) => Ok(plain),
        Err(why) => Err(Box::new((part, why.into()))),
    }
}

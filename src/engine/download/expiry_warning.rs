//! Warns before the GET if a download will probably not finish before its link expires.

use std::time::Duration;

use crate::engine::events::problem::LateDownload;
use crate::engine::runtime::transfer_rate::TransferRates;

/// If the duration of a download can't be estimated, only a link with less time left than this is reported. With a higher limit
/// nearly every link would be.
const SHORT_LIFETIME: Duration = Duration::from_mins(1);

/// The warning for a download whose link is valid for `remaining`; `None` if there is none. `size` is in bytes, if it is known.
pub(crate) fn warning(
    name: &str,
    size: Option<u64>,
    remaining: Duration,
    rates: &TransferRates,
) -> Option<LateDownload> {
    let (name, seconds) = (name.to_owned(), remaining.as_secs());
    match size.map(|size| rates.estimate(size)) {
        Some(Some(needed)) if needed > remaining => {
            Some(LateDownload::TooSlow { name, needed: needed.as_secs(), remaining: seconds })
        }
        Some(Some(_)) => None,
        _ if remaining >= SHORT_LIFETIME => None,
        Some(None) => Some(LateDownload::UnknownRate { name, remaining: seconds }),
        None => Some(LateDownload::UnknownSize { name, remaining: seconds }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_download_is_warned_of_and_an_uncertain_one_only_if_little_time_is_left() {
        let (unknown, known) = (TransferRates::default(), TransferRates::default());
        // 100 bytes a second.
        known.learn(1_000, Duration::from_secs(10));
        let says = |size, remaining, rates| {
            let why = warning("a.bin", size, Duration::from_secs(remaining), rates);
            why.map_or_else(String::new, |why| why.to_string())
        };
        assert!(
            says(Some(20_000), 199, &known)
                .starts_with("a.bin will not finish in time: at the current speed it takes about 200 s")
        );
        assert_eq!(says(Some(20_000), 200, &known), "");
        assert_eq!(says(Some(20_000), 60, &unknown), "");
        assert!(says(Some(1), 59, &unknown).contains("expires in 59 s, and its speed is not known yet."));
        assert_eq!(says(None, 60, &known), "");
        assert!(says(None, 59, &known).contains("and its size is not known. Some servers"));
    }
}

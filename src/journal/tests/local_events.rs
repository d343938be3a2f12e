//! Generated local events of every kind.

use proptest::prelude::*;

use crate::activity::{Decryption, DownloadFailure, DownloadReceipt, LocalEvent, Requested, Timestamp};
use crate::protocol::{CommandId, DataToken, RequestId};

fn requests() -> impl Strategy<Value = Requested> {
    (any::<String>(), any::<String>(), any::<String>(), any::<Option<u64>>(), any::<Option<String>>()).prop_map(
        |(token, file_name, context, size, id)| Requested {
            token: DataToken::new(token),
            file_name,
            context,
            size,
            command: id.clone().map(CommandId::new),
            again: id.map(RequestId::new),
        },
    )
}

fn receipts() -> impl Strategy<Value = DownloadReceipt> {
    (any::<String>(), any::<u32>(), any::<Option<i64>>(), any::<Option<String>>(), any::<bool>()).prop_map(
        |(text, gets, began, token, flag)| DownloadReceipt {
            sha256: text.clone(),
            gets,
            began: began.map(Timestamp),
            host: text,
            token: token.map(DataToken::new),
            decryption: if flag { Decryption::Done } else { Decryption::Off },
            length_unproved: flag,
        },
    )
}

pub(crate) fn local_events() -> impl Strategy<Value = LocalEvent> {
    let ends = prop_oneof![
        Just(DownloadFailure::LinkUsed),
        Just(DownloadFailure::Refused),
        Just(DownloadFailure::LinkExpired),
        Just(DownloadFailure::Broken),
        Just(DownloadFailure::Cancelled),
        Just(DownloadFailure::NotStarted),
    ];
    prop_oneof![
        any::<String>().prop_map(|label| LocalEvent::Labelled { label }),
        Just(LocalEvent::WarningRead),
        requests().prop_map(LocalEvent::Requested),
        (any::<String>(), any::<Option<String>>(), any::<Vec<String>>())
            .prop_map(|(to, part, links)| LocalEvent::Fetching { to, part, links }),
        (any::<String>(), any::<u64>(), receipts()).prop_map(|(to, size, receipt)| LocalEvent::Saved {
            to,
            size,
            receipt
        }),
        (ends, any::<String>(), any::<Option<String>>()).prop_map(|(why, sentence, part)| LocalEvent::NotSaved {
            why,
            sentence,
            part
        }),
    ]
}

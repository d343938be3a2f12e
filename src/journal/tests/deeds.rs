//! Deeds of every kind, made up.

use proptest::prelude::*;

use crate::activity::{Decryption, Deed, Moment, NotSaved, Receipt, Requested};
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

fn receipts() -> impl Strategy<Value = Receipt> {
    (any::<String>(), any::<u32>(), any::<Option<i64>>(), any::<Option<String>>(), any::<bool>()).prop_map(
        |(text, gets, began, token, flag)| Receipt {
            sha256: text.clone(),
            gets,
            began: began.map(Moment),
            host: text,
            token: token.map(DataToken::new),
            decryption: if flag { Decryption::Done } else { Decryption::Off },
            length_unproved: flag,
        },
    )
}

pub(crate) fn deeds() -> impl Strategy<Value = Deed> {
    let ends = prop_oneof![
        Just(NotSaved::LinkUsed),
        Just(NotSaved::Refused),
        Just(NotSaved::LinkExpired),
        Just(NotSaved::Broken),
        Just(NotSaved::Cancelled),
        Just(NotSaved::NotStarted),
    ];
    prop_oneof![
        any::<String>().prop_map(|label| Deed::Labelled { label }),
        Just(Deed::WarningRead),
        requests().prop_map(Deed::Requested),
        (any::<String>(), any::<Option<String>>(), any::<Vec<String>>()).prop_map(|(to, part, links)| Deed::Fetching {
            to,
            part,
            links
        }),
        (any::<String>(), any::<u64>(), receipts()).prop_map(|(to, size, receipt)| Deed::Saved { to, size, receipt }),
        (ends, any::<String>(), any::<Option<String>>()).prop_map(|(why, sentence, part)| Deed::NotSaved {
            why,
            sentence,
            part
        }),
    ]
}

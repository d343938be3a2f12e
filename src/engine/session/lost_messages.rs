//! Messages that were lost because they could not be read; each ended its connection.
//!
//! A server with a queue delivers such a message again after each join, which shows that it is the same loss.

use crate::engine::events::action::Action;
use crate::engine::events::connection_reason::DisconnectReason;
use crate::engine::events::event::{Notice, Severity};
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::storage::decoded_batch::DecodedBatch;

use super::frame_decoder::FrameDecoder;
use super::state::{REPEATED, Session};

impl Session {
    /// Reports a message that could not be read, in a row and to the operator. A server may send it again after each join: from the
    /// third in a row the operator is offered the larger `limit`, if that would help; further ones that are the same are not reported.
    pub(crate) fn report_lost_message(&mut self, why: &DisconnectReason, limit: Option<usize>) {
        let Some((reason, size, key)) = self.losses.count(why) else { return };
        let mut decoded_batch = DecodedBatch::default();
        FrameDecoder::add_lost_message(reason, size, key, (self.config.clock)(), &mut decoded_batch);
        self.backlog.write(decoded_batch, &self.config.journal_writer);
        if self.losses.count > REPEATED {
            return;
        }
        let times = self.losses.same_kind;
        let repeated = times >= REPEATED;
        let lost = NoticeReason::MessageLost { why: why.clone(), times, repeated, can_raise: limit.is_some() };
        self.config.event_sender.send_notice(Notice {
            severity: Severity::Warning,
            profile: Some(self.config.profile),
            reason: lost,
            remedy: limit
                .filter(|_| repeated)
                .map(|limit| ("Raise the limit".to_owned(), Action::SetMessageLimit(limit))),
        });
    }
}

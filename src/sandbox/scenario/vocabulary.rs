//! The vocabulary of the demo: commands and data of a mid-sized firm.

use crate::sandbox::state::reason::Reason;

/// A kind of command: the text of its success, and the reasons for which it fails.
pub(crate) struct CommandSample {
    pub(crate) success: &'static str,
    pub(crate) failures: &'static [Reason],
}

/// The commands of the vendor's API, by their outcomes.
pub(crate) const KINDS: [CommandSample; 9] = [
    CommandSample {
        success: "Device approved",
        failures: &["device.not_found", "device.already_approved", "profile.not_an_owner"],
    },
    CommandSample { success: "Device rejected", failures: &["device.not_found", "profile.not_an_owner"] },
    CommandSample { success: "Token space reserved", failures: &["data_token.quota_exceeded"] },
    CommandSample {
        success: "Data exchanged for token",
        failures: &["data_token.space_expired", "data_token.space_already_filled"],
    },
    CommandSample { success: "Data token updated", failures: &["data_token.not_found", "profile.not_an_owner"] },
    CommandSample { success: "Data deleted", failures: &["data_token.not_found"] },
    CommandSample { success: "Policy activated", failures: &["policy.already_active", "voting.quorum_not_reached"] },
    CommandSample { success: "Storage device synchronised", failures: &["storage.device_unreachable"] },
    CommandSample { success: "Vote passed", failures: &["voting.time_limit_reached", "voting.rejected_by_quorum"] },
];

/// How an operator's software describes its data: the context, the file name and its extension.
pub(crate) struct Subject {
    pub(crate) context: &'static str,
    pub(crate) stem: &'static str,
    pub(crate) extension: &'static str,
}

const fn subject(context: &'static str, stem: &'static str, extension: &'static str) -> Subject {
    Subject { context, stem, extension }
}

/// The data of the busy profile.
pub(crate) const BUSY: [Subject; 10] = [
    subject("invoices/2026-Q1", "invoices-2026-Q1", "pdf"),
    subject("invoices/2026-Q2", "invoices-2026-Q2", "pdf"),
    subject("payroll/2026-06", "payroll-run-2026-06", "xlsx"),
    subject("contracts/signed", "framework-agreement", "pdf"),
    subject("claims/weather", "claim-photos", "zip"),
    subject("kyc/passports", "passport-scan", "tiff"),
    subject("lab/results/batch-0417", "batch-0417", "csv"),
    subject("backups/crm/nightly", "crm-nightly", "tar.gz"),
    subject("statements/2026-06", "statement-2026-06", "pdf"),
    subject("hr/onboarding", "Übersicht Verträge", "docx"),
];

/// The data of the calm profile.
pub(crate) const CALM: [Subject; 4] = [
    subject("audit/ledger-2026-07", "ledger-2026-07", "csv"),
    subject("audit/access-reviews", "access-review-july", "pdf"),
    subject("evidence/case-2291", "case-2291", "zip"),
    subject("evidence/mailboxes", "mailbox-export", "mbox"),
];

/// The progress texts while data is prepared.
pub(crate) const PROGRESS: [&str; 5] = [
    "Collecting the payload from 3 storage devices.",
    "2 of 3 storage devices have answered.",
    "Waiting for approval by quorum (2 of 3).",
    "Checking integrity.",
    "Preparing the payload.",
];

//! The names of local sockets.

use std::io;
use std::path::Path;

use interprocess::local_socket::{GenericFilePath, Name, ToFsName as _};

/// The name by which the system knows the socket with this path.
pub(in crate::engine::ipc) fn name_of(socket: &Path) -> io::Result<Name<'_>> {
    socket.to_fs_name::<GenericFilePath>()
}

/// The fingerprint of a data folder, which is part of its socket's name. Different paths to the same folder have the same one.
pub(super) fn fingerprint(data: &Path) -> u64 {
    let data = std::fs::canonicalize(data).unwrap_or_else(|_not_there| data.to_owned());
    hash(data.as_os_str().as_encoded_bytes())
}

/// 64-bit FNV-1a: it is the same in every version, which the standard library does not promise for its hash.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_64_bit_fnv_1a() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
    }
}

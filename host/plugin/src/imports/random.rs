//! `random`: bytes that nobody can guess who does not know the call's seed.
//!
//! They are HMAC-SHA-256 of a counter under the seed, block after block: the same seed and the same
//! questions give the same bytes, so that a recorded call can be carried out again.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use super::charge::{charge, charge_bytes, charge_call};
use crate::state::State;

/// Bytes of a block.
const BLOCK: usize = 32;

pub(super) fn link(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("bytes", |mut store, (count,): (u32,)| {
        charge_call(&mut store, "random", 0)?;
        Ok((take(&mut store, usize::try_from(count).unwrap_or(usize::MAX))?,))
    })
}

/// The next so many bytes, at their price.
pub(super) fn take(
    store: &mut StoreContextMut<'_, State>,
    count: usize,
) -> wasmtime::Result<Vec<u8>> {
    charge_bytes(store, count)?;
    // A block is about as much work as a host call.
    let blocks = count.div_ceil(BLOCK) as u64;
    let fuel = store.data().allowance.fuel_per_call.saturating_mul(blocks);
    charge(store, fuel)?;
    store.data_mut().random_bytes(count)
}

impl State {
    fn random_bytes(&mut self, count: usize) -> wasmtime::Result<Vec<u8>> {
        // None at the gate: there a component gets the same bytes each time.
        let seed = self.call.call.as_ref().map_or([0; 32], |call| call.seed);
        let key = Hmac::<Sha256>::new_from_slice(&seed)?;
        let mut bytes = Vec::with_capacity(count.next_multiple_of(BLOCK));
        while bytes.len() < count {
            let mut block = key.clone();
            block.update(&self.allowance.random_blocks.to_be_bytes());
            self.allowance.random_blocks += 1;
            bytes.extend_from_slice(&block.finalize().into_bytes());
        }
        bytes.truncate(count);
        Ok(bytes)
    }
}

//! The allocator of a component: it gives out room that the memory has from its start, and lets the memory grow
//! when that is used up.
//!
//! Rust's own lets the memory grow at the first allocation. Each call has an instance of its own, so each would
//! have its host change the protection of pages, once when the memory grows and once when it is taken back.

use core::alloc::Layout;
use core::arch::wasm32::memory_grow;
use core::mem::{self, MaybeUninit};
use core::ptr::NonNull;

use talc::base::binning::Binning;
use talc::base::{CHUNK_UNIT, Talc};
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

/// Bytes that are there from the start. What of them is not touched costs nothing.
const ROOM: usize = 128 * 1024;

const PAGE: usize = 64 * 1024;

#[global_allocator]
static ALLOCATOR: TalcSyncCell<RoomThenGrowth, WasmBinning> =
    TalcSyncCell::new_wasm(RoomThenGrowth { is_claimed: false, end: None });

#[derive(Debug)]
struct RoomThenGrowth {
    is_claimed: bool,
    /// Where what has grown ends.
    end: Option<NonNull<u8>>,
}

// SAFETY: it allocates nothing.
unsafe impl Source for RoomThenGrowth {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        static mut ROOM_AT_START: [MaybeUninit<u8>; ROOM] = [MaybeUninit::uninit(); ROOM];
        if !mem::replace(&mut talc.source.is_claimed, true) {
            // SAFETY: nothing else uses it, and it is claimed once.
            let claimed = unsafe { talc.claim((&raw mut ROOM_AT_START).cast(), ROOM) };
            return claimed.map(drop).ok_or(());
        }
        // With what aligning it may take, and what is noted beside it and at the ends.
        let bytes = layout.size().saturating_add(layout.align()).saturating_add(4 * CHUNK_UNIT);
        let pages = bytes.div_ceil(PAGE);
        let begin = match memory_grow::<0>(pages) {
            usize::MAX => return Err(()),
            before => (before * PAGE) as *mut u8,
        };
        // SAFETY: the pages are new and nobody else's, and what had grown before is gone on with only where they
        // begin where it ended.
        talc.source.end = unsafe {
            match talc.source.end {
                Some(end) if end.as_ptr() == begin => {
                    Some(talc.extend(end, begin.wrapping_add(pages * PAGE)))
                }
                _ => talc.claim(begin, pages * PAGE),
            }
        };
        Ok(())
    }
}

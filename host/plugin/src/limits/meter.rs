//! Holds one call to its memory.

use wasmtime::ResourceLimiter;

use super::Limits;

/// Sums what one store has taken. `StoreLimits` of wasmtime would allow the limit once for each
/// memory.
#[derive(Debug)]
pub(crate) struct Meter {
    memory_limit: usize,
    table_limit: usize,
    memories: usize,
    tables: usize,
    instances: usize,
    memory_bytes: usize,
    table_elements: usize,
    peak_memory_bytes: usize,
    refused: Option<Refused>,
}

/// The growth that was refused first: what a trap afterwards is most likely about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refused {
    /// Linear memory would have come to so many bytes.
    Memory(usize),
    /// Tables would have come to so many elements.
    Table(usize),
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Meter {
        Meter {
            memory_limit: limits.memory_bytes,
            table_limit: limits.table_elements,
            memories: limits.memories,
            tables: limits.tables,
            instances: limits.instances,
            memory_bytes: 0,
            table_elements: 0,
            peak_memory_bytes: 0,
            refused: None,
        }
    }

    pub(crate) fn peak_memory_bytes(&self) -> usize {
        self.peak_memory_bytes
    }

    pub(crate) fn table_elements(&self) -> usize {
        self.table_elements
    }

    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            // The guest's own maximum: not ours to record.
            return Ok(false);
        }
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if total > self.memory_limit {
            self.refused.get_or_insert(Refused::Memory(total));
            return Ok(false);
        }
        self.memory_bytes = total;
        self.peak_memory_bytes = self.peak_memory_bytes.max(total);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        if total > self.table_limit {
            self.refused.get_or_insert(Refused::Table(total));
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memories grow by whole pages.
    const PAGE_BYTES: usize = 64 * 1024;

    fn meter(pages: usize) -> Meter {
        Meter::new(&Limits {
            memory_bytes: pages * PAGE_BYTES,
            table_elements: 10,
            ..Limits::default()
        })
    }

    #[test]
    fn two_memories_share_one_limit() {
        let mut meter = meter(3);
        assert!(meter.memory_growing(0, 2 * PAGE_BYTES, None).unwrap());
        assert!(!meter.memory_growing(0, 2 * PAGE_BYTES, None).unwrap());
        assert!(meter.memory_growing(0, PAGE_BYTES, None).unwrap());
        assert_eq!(meter.peak_memory_bytes(), 3 * PAGE_BYTES);
        assert!(matches!(meter.refused(), Some(Refused::Memory(bytes)) if bytes == 4 * PAGE_BYTES));
    }

    #[test]
    fn two_tables_share_one_limit() {
        let mut meter = meter(1);
        assert!(meter.table_growing(0, 6, None).unwrap());
        assert!(!meter.table_growing(0, 6, None).unwrap());
        assert!(matches!(meter.refused(), Some(Refused::Table(12))));
    }

    #[test]
    fn growth_past_the_guests_own_maximum_is_no_refusal_of_ours() {
        let mut meter = meter(3);
        assert!(!meter.memory_growing(PAGE_BYTES, 2 * PAGE_BYTES, Some(PAGE_BYTES)).unwrap());
        assert!(meter.refused().is_none());
        assert_eq!(meter.peak_memory_bytes(), 0);
    }
}

//! The limits that an operator may set, and what a component requires of them.

use crate::{
    CORE_INSTANCES_PER_COMPONENT, INSTANCE_RECORD_BYTES, MEMORIES_PER_COMPONENT, MEMORIES_PER_MODULE,
    MEMORY_CEILING_MB, MEMORY_DEFAULT_MB, MIB, TABLE_ELEMENTS, TABLES_PER_COMPONENT, TABLES_PER_MODULE,
    TIMEOUT_CEILING_MS,
};

/// What a component requires of the engine to be instantiated once. Each field is the sum over all
/// core instances, or the largest value of any of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requirements {
    /// Core instances.
    pub core_instances: u64,
    /// Linear memories.
    pub memories: u64,
    /// Tables.
    pub tables: u64,
    /// The most memories that one module defines.
    pub memories_per_module: u64,
    /// The most tables that one module defines.
    pub tables_per_module: u64,
    /// Initial bytes of the largest memory.
    pub memory_bytes: u64,
    /// Initial bytes of all memories and tables together: what every execution takes before its first instruction.
    pub start_bytes: u64,
    /// Initial elements of the largest table.
    pub table_elements: u64,
    /// Bytes of the runtime's record of the largest core instance, rounded up.
    pub instance_record_bytes: u64,
}

/// A limit that was exceeded, with both numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceededLimit {
    /// The limit's name in [`crate::TABLE`].
    pub limit: &'static str,
    /// What exceeds it: `a table with 210000 elements`.
    pub what: String,
    /// The most that is allowed.
    pub most: u64,
}

impl std::fmt::Display for ExceededLimit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}; at most {} ({})", self.what, self.most, self.limit)
    }
}

/// The ceilings of a host: the table's values, unless its operator set lower or other ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceilings {
    /// MiB of memory of one execution, at most [`MEMORY_CEILING_MB`].
    pub memory_mb: u32,
    /// Elements of one table.
    pub table_elements: usize,
}

impl Default for Ceilings {
    fn default() -> Self {
        Self {
            memory_mb: MEMORY_CEILING_MB,
            table_elements: TABLE_ELEMENTS,
        }
    }
}

impl Ceilings {
    /// The most bytes of memory of one execution.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        (self.memory_mb as usize).saturating_mul(MIB)
    }

    /// The first limit that a component's requirements exceed.
    ///
    /// # Errors
    /// [`ExceededLimit`] when the engine could never instantiate the component.
    pub fn check(&self, needs: &Requirements) -> Result<(), ExceededLimit> {
        let rows = [
            (
                "CORE_INSTANCES_PER_COMPONENT",
                needs.core_instances,
                u64::from(CORE_INSTANCES_PER_COMPONENT),
                "core instances in the component",
            ),
            (
                "MEMORIES_PER_COMPONENT",
                needs.memories,
                u64::from(MEMORIES_PER_COMPONENT),
                "memories in the component",
            ),
            (
                "TABLES_PER_COMPONENT",
                needs.tables,
                u64::from(TABLES_PER_COMPONENT),
                "tables in the component",
            ),
            (
                "MEMORIES_PER_MODULE",
                needs.memories_per_module,
                u64::from(MEMORIES_PER_MODULE),
                "memories in one module",
            ),
            (
                "TABLES_PER_MODULE",
                needs.tables_per_module,
                u64::from(TABLES_PER_MODULE),
                "tables in one module",
            ),
            (
                "MEMORY_CEILING_MB",
                needs.memory_bytes.div_ceil(MIB as u64),
                u64::from(self.memory_mb),
                "MiB in which a memory starts",
            ),
            (
                "TABLE_ELEMENTS",
                needs.table_elements,
                self.table_elements as u64,
                "elements in one table",
            ),
            (
                "INSTANCE_RECORD_BYTES",
                needs.instance_record_bytes,
                INSTANCE_RECORD_BYTES as u64,
                "bytes of records for the functions and globals of one module",
            ),
        ];
        rows.into_iter()
            .find(|(_, value, most, _)| value > most)
            .map_or(Ok(()), |(limit, value, most, what)| {
                Err(ExceededLimit {
                    limit,
                    what: format!("{value} {what}"),
                    most,
                })
            })
    }

    /// The memory of an execution, compared with what the component takes before its first instruction.
    ///
    /// # Errors
    /// [`ExceededLimit`] when no execution could begin: the manifest or the install must ask for more.
    pub fn check_start(&self, needs: &Requirements, memory_mb: Option<u32>) -> Result<(), ExceededLimit> {
        let most = memory_mb.unwrap_or(MEMORY_DEFAULT_MB).min(self.memory_mb);
        let value = needs.start_bytes.div_ceil(MIB as u64);
        if value <= u64::from(most) {
            return Ok(());
        }
        Err(ExceededLimit {
            limit: if memory_mb.is_some() {
                "memoryMb"
            } else {
                "MEMORY_DEFAULT_MB"
            },
            what: format!("{value} MiB in memories and tables before its first instruction"),
            most: u64::from(most),
        })
    }

    /// The first of these limits that a manifest or an install asks for and this host does not give.
    ///
    /// # Errors
    /// [`ExceededLimit`] with the number that was asked for.
    pub fn check_execution(&self, memory_mb: Option<u32>, timeout_ms: Option<u32>) -> Result<(), ExceededLimit> {
        let rows = [
            (
                "MEMORY_CEILING_MB",
                memory_mb,
                self.memory_mb,
                "MiB of memory for an execution",
            ),
            (
                "TIMEOUT_CEILING_MS",
                timeout_ms,
                TIMEOUT_CEILING_MS,
                "ms for an execution",
            ),
        ];
        let exceeded = rows.into_iter().find_map(|(limit, asked, most, what)| {
            let value = asked.filter(|value| *value > most)?;
            Some(ExceededLimit {
                limit,
                what: format!("{value} {what}"),
                most: u64::from(most),
            })
        });
        exceeded.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exceeds_a_limit_is_named_with_both_numbers() {
        let ceilings = Ceilings::default();
        let needs = Requirements {
            table_elements: 210_000,
            ..Requirements::default()
        };
        let exceeded = ceilings.check(&needs).unwrap_err();
        assert_eq!(
            exceeded.to_string(),
            "210000 elements in one table; at most 100000 (TABLE_ELEMENTS)"
        );
        assert_eq!(ceilings.check(&Requirements::default()), Ok(()));
    }

    #[test]
    fn what_a_component_takes_at_its_start_fits_into_the_memory_of_an_execution() {
        let needs = Requirements {
            start_bytes: 125 * MIB as u64,
            ..Requirements::default()
        };
        let ceilings = Ceilings::default();
        assert_eq!(ceilings.check_start(&needs, None).unwrap_err().most, 64);
        assert_eq!(ceilings.check_start(&needs, Some(124)).unwrap_err().most, 124);
        assert_eq!(ceilings.check_start(&needs, Some(125)), Ok(()));
    }

    #[test]
    fn an_operator_may_lower_the_ceiling_of_memory() {
        let ceilings = Ceilings {
            memory_mb: 100,
            ..Ceilings::default()
        };
        assert_eq!(ceilings.check_execution(Some(100), Some(30_000)), Ok(()));
        assert_eq!(ceilings.check_execution(Some(101), None).unwrap_err().most, 100);
        assert_eq!(
            ceilings.check_execution(None, Some(30_001)).unwrap_err().limit,
            "TIMEOUT_CEILING_MS"
        );
    }
}

//! The limits that an operator may set, and a component's requirements of them.

use crate::{
    CORE_INSTANCES_PER_COMPONENT, INSTANCE_RECORD_BYTES, MEMORIES_PER_COMPONENT, MEMORIES_PER_MODULE,
    MEMORY_CEILING_MB, MEMORY_DEFAULT_MB, MIB, TABLE_ELEMENTS, TABLES_PER_COMPONENT, TABLES_PER_MODULE,
    TIMEOUT_CEILING_MS,
};

/// A component's requirements of the engine for one instantiation. Each field is the sum over all
/// core instances, or the largest value of any of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requirements {
    /// Number of core instances.
    pub core_instances: u64,
    /// Number of linear memories.
    pub memories: u64,
    /// Number of tables.
    pub tables: u64,
    /// Largest number of memories that one module defines.
    pub memories_per_module: u64,
    /// Largest number of tables that one module defines.
    pub tables_per_module: u64,
    /// Initial bytes of the largest memory.
    pub memory_bytes: u64,
    /// Initial bytes of all memories and tables together, which every execution uses before its
    /// first instruction.
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
    /// The value that exceeds it: `210000 elements in one table`.
    pub what: String,
    /// The maximum that is allowed.
    pub most: u64,
}

impl std::fmt::Display for ExceededLimit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}; at most {} ({})", self.what, self.most, self.limit)
    }
}

/// The ceilings of a host: the table's values, unless its operator set others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceilings {
    /// Memory of one execution in MiB, at most [`MEMORY_CEILING_MB`].
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
    /// Maximum memory of one execution in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        (self.memory_mb as usize).saturating_mul(MIB)
    }

    /// Checks a component's requirements.
    ///
    /// # Errors
    /// Returns [`ExceededLimit`] for the first limit that is exceeded: the engine could never
    /// instantiate the component.
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
                "MiB of initial size of one memory",
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

    /// Checks that an execution's memory holds the component's initial memories and tables.
    ///
    /// # Errors
    /// Returns [`ExceededLimit`] if no execution could start: the manifest or the install must
    /// request more memory.
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

    /// Checks the memory and time that a manifest or an install requests.
    ///
    /// # Errors
    /// Returns [`ExceededLimit`] for the first requested value above this host's maximum.
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
    fn an_exceeded_limit_is_reported_with_actual_value_and_maximum() {
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
    fn the_initial_memory_of_a_component_must_fit_into_its_memory_limit() {
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

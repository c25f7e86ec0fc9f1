"""Recorded teacher signals: once per teacher and row, used by every later run.

A row is addressed by the hash of its token ids, never by a step or a place in the data, so any order, subset or batch
finds it. Each supervised position keeps the smallest number of top ids that holds `mass` of the probability (at most
`top_k`), their raw logits less the largest one in fp16, the exact log-normaliser for each recorded temperature, and what
is known of the whole distribution: the label's log-probability, the entropy and the probability the kept ids hold.

A folder of signals holds `signals.json` (what was recorded) and shards `shard-*.safetensors`, written once each; new rows
are new shards. Nothing of a shard is read before a row of it is asked for, except which rows it has.
    keys     in the header: the rows' hashes, in order
    rows     int32 [rows]        positions of each row
    entries  int32 [rows]        ids of each row, over all its positions
    counts   uint16 [positions]  ids of each position
    ids      uint16 [entries]    token ids, most likely first: their lower 16 bits
    high     uint8 [entries]     the bits above, where the vocabulary has more than 65,536 ids
    z        float16 [entries]   logit minus the position's largest logit
    lse      float32 [positions, temperatures]   log sum exp((z - z_max) / T) over the teacher's whole vocabulary
    label    float32 [positions] log-probability of the label at T = 1
    entropy  float16 [positions] nats, at T = 1
    mass     float32 [positions] probability of the kept ids at T = 1
With K = 64, one temperature and 151,936 ids that is 338 bytes a position. Shards of format 1 have ids uint16 or int32 and
none of entries, high, label, entropy and mass; they serve wherever the label's log-probability is not asked for.
"""

from .positions import RowSignals, collate, trim
from .settings import FORMAT, Settings, read_settings
from .store import SHARD_BYTES, Store

__all__ = ["FORMAT", "SHARD_BYTES", "RowSignals", "Settings", "Store", "collate", "read_settings", "trim"]

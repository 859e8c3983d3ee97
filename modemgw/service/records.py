"""What dialects keep between requests: templates, contacts, groups, sessions, jobs. The use cases; rows are store's."""

from __future__ import annotations

from modemgw.dialects.seam import DeleteRecord, FindSession, GetRecord, ListRecords, PutRecord
from modemgw.domain.account import Account
from modemgw.domain.requests import Record
from modemgw.service.accounts import Accounts
from modemgw.service.ports import Clock
from modemgw.store.repository import RecordStore

#: Of one account and space, where the configuration says nothing else.
MAX_RECORDS = 100_000

#: Of one list.
MAX_PAGE = 10_000

#: An end is put off only where that gains this part of the time: not every request of a session is a write.
EXTEND_STEP = 60


class Records:
    """Runs the commands that keep and find records."""

    def __init__(self, repository: RecordStore, accounts: Accounts, clock: Clock, limit: int = MAX_RECORDS) -> None:
        self._repository = repository
        self._accounts = accounts
        self._clock = clock
        self._limit = limit

    async def put(self, asked: PutRecord) -> Record:
        """Durable. Raises Refusal: BAD_PARAMETER too large, FORBIDDEN too many, UNAVAILABLE."""
        return await self._repository.put_record(
            asked.account.id, asked.space, asked.data, asked.key, asked.ttl_s, self._limit
        )

    async def get(self, asked: GetRecord) -> Record | None:
        """By key."""
        return await self._repository.record(asked.account.id, asked.space, asked.key, self._clock())

    async def list(self, asked: ListRecords) -> list[Record]:
        """By ascending id."""
        limit = max(0, min(asked.limit, MAX_PAGE))
        return await self._repository.records(asked.account.id, asked.space, asked.after, limit, self._clock())

    async def delete(self, asked: DeleteRecord) -> bool:
        """True if there was one."""
        return await self._repository.delete_record(asked.account.id, asked.space, asked.key)

    async def find_session(self, asked: FindSession) -> tuple[Account, Record] | None:
        """Whose record it is; that of an account which is not configured any more is nobody's."""
        now = self._clock()
        record = await self._repository.find_record(asked.space, asked.key, now)
        account = self._accounts.of_id(record.account_id) if record is not None else None
        if record is None or account is None:
            return None
        if asked.extend_s is not None and record.expires_at is not None:
            ends = now + asked.extend_s * 1000
            if ends - record.expires_at >= asked.extend_s * 1000 // EXTEND_STEP:
                await self._repository.extend_record(record.id, ends)
        return account, record

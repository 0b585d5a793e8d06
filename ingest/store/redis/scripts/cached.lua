-- Returns the fingerprints of these hashes, false for a hash that is not in the cache.
local cache, found = table_of(args.space), {}
for i, hash in ipairs(args.hashes) do
  found[i] = call('HGET', place(cache, hash), hash)
end
return found

-- The fingerprints of these hashes, false where there is none.
local cache, found = table_of(args.space), {}
for i, hash in ipairs(args.hashes) do
  found[i] = call('HGET', place(cache, hash), hash)
end
return found

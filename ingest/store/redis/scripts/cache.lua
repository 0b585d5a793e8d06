-- The path cache of one space: a linear hash table of buckets, each a small Redis hash from the hash of a path to its
-- fingerprint, 8 and 12 bytes. The table grows by splitting one bucket at a time, so that buckets stay small enough for
-- Redis to keep them packed (128 entries), whether a space has ten paths or a hundred million.
local LOAD = 40

local function bucket(space, number)
  return key('cache', space) .. string.format(':%d', number)
end

local function number_of(hash)
  local a, b, c, d = string.byte(hash, 1, 4)
  return a + 256 * (b + 256 * (c + 256 * d))
end

local function table_of(space)
  local level, split, count = unpack(call('HMGET', key('cache', space), 'level', 'split', 'count'))
  return {space = space, level = tonumber(level) or 0, split = tonumber(split) or 0, count = tonumber(count) or 0,
          new = not level}
end

local function place(cache, hash)
  local number, size = number_of(hash), 2 ^ cache.level
  local home = number % size
  if home < cache.split then
    home = number % (2 * size)
  end
  return bucket(cache.space, home)
end

-- Empty a bucket before it is used: an earlier table that was lost may have left entries in it.
local function split_one(cache)
  local size = 2 ^ cache.level
  local from, to = bucket(cache.space, cache.split), bucket(cache.space, cache.split + size)
  local entries, stay, go = call('HGETALL', from), {}, {}
  call('DEL', from, to)
  for i = 1, #entries, 2 do
    local list = number_of(entries[i]) % (2 * size) == cache.split and stay or go
    list[#list + 1], list[#list + 2] = entries[i], entries[i + 1]
  end
  if #stay > 0 then call('HSET', from, unpack(stay)) end
  if #go > 0 then call('HSET', to, unpack(go)) end
  cache.split = cache.split + 1
  if cache.split == size then
    cache.level, cache.split = cache.level + 1, 0
  end
end

local function change_cache(space, cached, uncached)
  local cache = table_of(space)
  if cache.new then
    call('DEL', bucket(space, 0))
  end
  for _, hash in ipairs(uncached) do
    cache.count = cache.count - call('HDEL', place(cache, hash), hash)
  end
  for _, entry in ipairs(cached) do
    cache.count = cache.count + call('HSET', place(cache, entry[1]), entry[1], entry[2])
    if cache.count > LOAD * (2 ^ cache.level + cache.split) then
      split_one(cache)
    end
  end
  call('HSET', key('cache', space), 'level', cache.level, 'split', cache.split, 'count', cache.count)
end

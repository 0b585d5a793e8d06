-- Clear a cache space. Returns the number of its buckets, whose entries cannot be found any more.
local cache = table_of(args.space)
call('DEL', key('cache', args.space))
return 2 ^ cache.level + cache.split

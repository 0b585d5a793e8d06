-- Forget a space; the number of its buckets, which hold nothing that would be found any more.
local cache = table_of(args.space)
call('DEL', key('cache', args.space))
return 2 ^ cache.level + cache.split

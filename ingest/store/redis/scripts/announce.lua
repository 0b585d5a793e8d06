-- Store until when a consumer is alive. Consumers that expired an hour ago are deleted.
call('HSET', key('consumers'), args.name, args.status)
call('ZADD', key('alive'), args.over, args.name)
for _, name in ipairs(call('ZRANGEBYSCORE', key('alive'), '-inf', args.now - 3600)) do
  call('ZREM', key('alive'), name)
  call('HDEL', key('consumers'), name)
end
